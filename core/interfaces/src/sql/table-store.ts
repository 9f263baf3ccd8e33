/**
 * The contract of tables without SQL: typed calls make and change them, plans query them.
 *
 * Errors are those of `SqlEngine`, whose tables these are: a database that one writes the other opens. What only SQL
 * evaluates (CHECK, DEFAULT, views) answers `CAPABILITY_MISSING` here. Names are exact.
 */
import type { PlanEngine } from './query-plan.js';
import type { AppendColumns, SqlSnapshot, TableDescription } from './sql-engine.js';
import type { ColumnType, SqlRow, SqlScalar, ValueModes } from './sql-types.js';

/** What queries and changes tables: a database, or a transaction in it. */
export interface TableSession extends PlanEngine {
  /**
   * Appends rows, all of them or none; columns that are left out are NULL.
   *
   * @param data an Arrow IPC stream or file, or columns. The memory must not change before the promise resolves
   * @returns how many rows
   */
  append(table: string, data: Uint8Array | AppendColumns): Promise<number>;
  /** Appends rows in the place of those with the same primary keys, all or none. @returns how many rows */
  put(table: string, data: Uint8Array | AppendColumns): Promise<number>;
  /** Deletes the rows with these primary keys, given as its columns. @returns how many there were */
  delete(table: string, keys: Uint8Array | AppendColumns): Promise<number>;
}

/** An open database of tables. */
export interface TableStore extends TableSession, AsyncDisposable {
  /** Makes a table; its columns may be NULL but for those of the key. Errors: `SQL_NAME` when there is one. */
  createTable(
    name: string,
    columns: Readonly<Record<string, ColumnType>>,
    options?: { readonly primaryKey?: readonly string[] },
  ): Promise<void>;
  /** Drops a table with its rows. */
  dropTable(name: string): Promise<void>;
  /**
   * Runs `body` in a transaction, commits what it did, and rolls all of it back when it throws. They do not nest.
   *
   * Errors: `TRANSACTION_CONFLICT` when somebody else changed the same rows first, and whatever `body` throws.
   */
  transaction<T>(body: (transaction: TableSession) => Promise<T>): Promise<T>;
  /** The row with this primary key, synchronously; undefined when there is none. */
  get<R extends object = SqlRow>(
    table: string,
    key: SqlScalar | readonly SqlScalar[],
    options?: ValueModes,
  ): R | undefined;
  /** Holds on to the state of this moment. */
  snapshot(): SqlSnapshot;
  /** The tables and views that there are, by schema and name; nothing is known of a view's columns. */
  tables(): Promise<readonly TableDescription[]>;
  /** Ends running queries, rolls open transactions back and lets go of the directory. Closing again does nothing. */
  close(): Promise<void>;
}
