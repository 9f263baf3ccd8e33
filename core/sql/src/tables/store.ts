/** A database of tables without SQL: the same sessions, answers and appends, over an engine that runs plans. */
import {
  type AppendColumns,
  type Clock,
  type ColumnType,
  type Failed,
  requirePath,
  shown,
  type TableSession,
  type TableStore,
  unwrap,
  type ValueModes,
  VarveError,
} from '@varve/interfaces';
import { SqlDatabase } from '../database.js';
import type { NativeOptions, NativeTables, NativeTransaction } from '../native-face.js';
import { readSqlOptions, type SqlOptions } from '../options.js';
import { requireName, type Shared } from '../session.js';
import { Transaction } from '../transaction.js';
import { changeRows, tableColumns } from './changes.js';
import { withoutSql } from './without-sql.js';

/** What a database without SQL stands on. */
export interface TableParts {
  readonly native: {
    /** Opens a directory; one process owns it until `close`. */
    openDatabase(directory: string, options: NativeOptions): Promise<NativeTables | Failed>;
  };
  readonly clock: Clock;
}

/**
 * Opens the database in `directory`, and creates it when there is none. One process owns it until `close`.
 *
 * @throws VarveError STORE_LOCKED, STORE_DAMAGED, STORE_FOREIGN, STORE_NEWER_FORMAT, STORE_UNWRITABLE, STORE_MISSING,
 *   STORE_EXISTS, ARGUMENT_INVALID, CAPABILITY_MISSING for folders that only SQL uses
 */
export async function openTableStore(
  { native, clock }: TableParts,
  directory: string,
  options: SqlOptions = {},
): Promise<TableStore> {
  requirePath(directory, 'the directory of a database');
  const { native: nativeOptions, modes } = readSqlOptions(options);
  return new Tables(unwrap(await native.openDatabase(directory, nativeOptions)), modes, clock);
}

class Tables extends SqlDatabase {
  readonly #tables: NativeTables;

  constructor(tables: NativeTables, modes: ValueModes, clock: Clock) {
    super(withoutSql(tables), modes, clock);
    this.#tables = tables;
  }

  async createTable(
    name: string,
    columns: Readonly<Record<string, ColumnType>>,
    { primaryKey = [] }: { readonly primaryKey?: readonly string[] } = {},
  ): Promise<void> {
    this.usable();
    requireName(name);
    if (!Array.isArray(primaryKey) || !primaryKey.every((key) => typeof key === 'string'))
      throw new VarveError('ARGUMENT_INVALID', {
        message: `a primary key is an array of names of columns, not ${shown(primaryKey)}`,
      });
    const schema = tableColumns(columns, primaryKey);
    unwrap(await this.#tables.createTable(name, schema, [...primaryKey], this.place()));
  }

  async dropTable(name: string): Promise<void> {
    this.usable();
    requireName(name);
    unwrap(await this.#tables.dropTable(name, this.place()));
  }

  async put(table: string, data: Uint8Array | AppendColumns): Promise<number> {
    const { native } = this.usable();
    requireName(table);
    return changeRows('put', { tables: this.#tables, native }, table, data, this.place());
  }

  async delete(table: string, keys: Uint8Array | AppendColumns): Promise<number> {
    const { native } = this.usable();
    requireName(table);
    return changeRows('deleteKeys', { tables: this.#tables, native }, table, keys, this.place());
  }

  override transaction<T>(body: (transaction: TablesTransaction) => Promise<T>): Promise<T> {
    return super.transaction(body as Parameters<SqlDatabase['transaction']>[0]) as Promise<T>;
  }

  protected override within(begun: NativeTransaction): Transaction {
    return new TablesTransaction(this.shared, begun, this.#tables);
  }
}

/** A transaction in it. */
class TablesTransaction extends Transaction implements TableSession {
  readonly #tables: NativeTables;

  constructor(shared: Shared, native: NativeTransaction, tables: NativeTables) {
    super(shared, native);
    this.#tables = tables;
  }

  put(table: string, data: Uint8Array | AppendColumns): Promise<number> {
    return this.#change('put', table, data);
  }

  delete(table: string, keys: Uint8Array | AppendColumns): Promise<number> {
    return this.#change('deleteKeys', table, keys);
  }

  #change(verb: 'put' | 'deleteKeys', table: string, data: Uint8Array | AppendColumns): Promise<number> {
    const changed = this.#changed(verb, table, data);
    this.track(changed);
    return changed;
  }

  async #changed(
    verb: 'put' | 'deleteKeys',
    table: string,
    data: Uint8Array | AppendColumns,
  ): Promise<number> {
    const { native } = this.usable();
    requireName(table);
    return changeRows(verb, { tables: this.#tables, native }, table, data, this.place());
  }
}
