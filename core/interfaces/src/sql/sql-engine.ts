/**
 * The contract of tables and SQL: queries, prepared statements, columnar appends, transactions, snapshots.
 *
 * Every call throws or rejects with a `VarveError`. Codes that any SQL may answer are `SQL_SYNTAX`, `SQL_UNSUPPORTED`,
 * `SQL_NAME`, `SQL_TYPE`, `SQL_VALUE`, `SQL_LIMIT`, `CONSTRAINT_VIOLATED`, `MEMORY_EXCEEDED`, `QUERY_CANCELLED`,
 * `STORE_CLOSED`, `STORE_READ_ONLY` and the `FILE_` codes; others are named where they arise.
 *
 * Invariants
 * 1. A statement that fails leaves no trace in the tables, and does not end the transaction that it runs in.
 * 2. A result shows one snapshot, whatever is committed while it is read.
 * 3. Values reach the engine as parameters, never as text.
 */
import type { PlanEngine } from './query-plan.js';
import type {
  SqlColumns,
  SqlField,
  SqlParameter,
  SqlParameters,
  SqlRow,
  SqlScalar,
  SqlValue,
  ValueModes,
} from './sql-types.js';

/** How one query is run. */
export interface QueryOptions extends ValueModes {
  /** Cancels the query, which then fails with `QUERY_CANCELLED`; its cause is the signal's reason. */
  readonly signal?: AbortSignal;
  /** Hears how far the query is, some ten times a second while it runs. What it throws is not heard. */
  readonly progress?: (progress: QueryProgress) => void;
  /** The state to show; the latest by default. Not within a transaction. */
  readonly snapshot?: SqlSnapshot;
  /** Rows per batch at most, 1 to 2^20. By default as the engine finds them. */
  readonly batchRows?: number;
}

/** One operator of a plan, as `explain` and `EXPLAIN (FORMAT JSON)` give it. */
export interface PlanOperator {
  /** The engine's name of it. */
  readonly operator: string;
  /** What it says of itself; for people. */
  readonly detail: string;
  /** Null when nothing is known. */
  readonly estimatedRows: number | null;
  /** Rows that came out of it. This and what follows are there when the statement ran and the operator counts it. */
  readonly actualRows?: number;
  /** Time that it worked, of all threads together. */
  readonly elapsedNs?: number;
  /** Bytes that it read from tables or files. */
  readonly bytesRead?: number;
  /** Bytes that did not fit into memory and went to disk. */
  readonly spilledBytes?: number;
  /** Those that it takes rows from. */
  readonly children: readonly PlanOperator[];
}

/** How far a query is; what it reads is known before it ends, what it computes is not. */
export interface QueryProgress {
  readonly rowsScanned: number;
  /** Rows that the scans will read when nothing is skipped; 0 while it is not known. */
  readonly rowsTotal: number;
  readonly bytesScanned: number;
}

/** Rows that came out together. Its bytes stay valid for as long as somebody holds them. */
export interface RowBatch<R extends object = SqlRow> {
  readonly rowCount: number;
  /** Its rows as objects. */
  rows(): R[];
  /** Its values by column. */
  columns(): SqlColumns;
  /** A whole Arrow IPC stream, which every Arrow library reads. */
  arrow(): Uint8Array;
}

/** The answer of a statement. It is read once, in one of its forms, and let go of by reading to the end or `cancel`. */
export interface QueryResult<R extends object = SqlRow> extends AsyncDisposable {
  /** Names and types of the columns. */
  readonly fields: readonly SqlField[];
  /** By which rows and columns have them, in the order of `fields`; objects keep no order of names such as `1`. */
  readonly names: readonly string[];
  /** Rows that the statement changed; undefined for one that only reads. */
  readonly rowsAffected: number | undefined;
  /** All rows as objects. Cost: some 100 ns per value, on this thread: for thousands of rows, not millions. */
  rows(): Promise<R[]>;
  /** All values by column; no copy of numbers without nulls that came in one batch. */
  columns(): Promise<SqlColumns>;
  /** All of it as an Arrow IPC stream. */
  arrow(): Promise<Uint8Array>;
  /** Batch by batch, so that a result of any size needs little memory. Leaving the loop cancels the rest. */
  batches(): AsyncIterableIterator<RowBatch<R>>;
  /** Row by row, over batches. */
  [Symbol.asyncIterator](): AsyncIterableIterator<R>;
  /** Stops the query and lets go of what it holds; whoever is reading fails with `QUERY_CANCELLED`. */
  cancel(): void;
}

/** An answer under way: a promise of the result, with its forms at hand so that one `await` is enough. */
export interface PendingResult<R extends object = SqlRow> extends Promise<QueryResult<R>> {
  /** As {@link QueryResult.rows}. */
  rows(): Promise<R[]>;
  /** As {@link QueryResult.columns}. */
  columns(): Promise<SqlColumns>;
  /** As {@link QueryResult.arrow}. */
  arrow(): Promise<Uint8Array>;
  /** As {@link QueryResult.batches}. */
  batches(): AsyncIterableIterator<RowBatch<R>>;
  /** Row by row, over batches. */
  [Symbol.asyncIterator](): AsyncIterableIterator<R>;
}

/** A piece of SQL with its values beside it, made by the tag `sql` and by nothing else. */
export interface SqlFragment {
  /** The text around the values; one more than there are values. */
  readonly texts: readonly string[];
  readonly values: readonly SqlParameter[];
}

/** A statement that was parsed and planned once. */
export interface PreparedStatement<R extends object = SqlRow> extends AsyncDisposable {
  readonly parameterCount: number;
  /** Names and types of the columns. */
  readonly fields: readonly SqlField[];
  /** Runs it with these values. */
  query(params?: SqlParameters, options?: QueryOptions): PendingResult<R>;
  /** Lets go of it; closing it again does nothing. */
  close(): Promise<void>;
}

/** A state of the whole database that stays as it is until it is released. */
export interface SqlSnapshot extends Disposable {
  /** Lets go of it; releasing it again does nothing. */
  release(): void;
}

/** Columns to append by name: arrays or typed arrays of one length. A column that is left out has its default. */
export type AppendColumns = Readonly<Record<string, ArrayLike<SqlValue | undefined>>>;

/** What runs statements: a database, or a transaction in it. */
export interface SqlSession {
  /**
   * Runs one statement. It starts at once, whether or not its answer is read.
   *
   * @param sql text, or a fragment, which has its values in it and takes no `params`
   */
  query<R extends object = SqlRow>(
    sql: string | SqlFragment,
    params?: SqlParameters,
    options?: QueryOptions,
  ): PendingResult<R>;
  /** Runs a template: what stands in `${}` becomes a parameter, or is a fragment with parameters of its own. */
  sql<R extends object = SqlRow>(
    texts: TemplateStringsArray,
    ...values: readonly (SqlParameter | SqlFragment)[]
  ): PendingResult<R>;
  /**
   * Appends rows, all of them or none.
   *
   * @param data an Arrow IPC stream or file as any Arrow library writes it, or columns. The memory must not change
   *   before the promise resolves
   * @returns how many rows
   * Errors: `SQL_NAME`, `SQL_TYPE`, `SQL_VALUE`, `CONSTRAINT_VIOLATED`, `FILE_MALFORMED` for bytes that are not Arrow.
   */
  append(table: string, data: Uint8Array | AppendColumns): Promise<number>;
  /**
   * Runs `body` in a transaction, commits what it did, and rolls all of it back when it throws.
   *
   * In a transaction this is a savepoint. Errors: `TRANSACTION_CONFLICT` when somebody else changed the same rows
   * first, and whatever `body` throws.
   */
  transaction<T>(body: (transaction: SqlTransaction) => Promise<T>): Promise<T>;
}

/** A transaction that is open while the function that got it runs; later calls answer `TRANSACTION_STATE`. */
export interface SqlTransaction extends SqlSession {
  /** Runs SQL, or a plan. */
  readonly query: SqlSession['query'] & PlanEngine['query'];
}

/** One table or view, as the catalogue has it. */
export interface TableDescription {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'view';
  readonly columns: readonly SqlField[];
  /** Names of the columns of the primary key; empty without one. */
  readonly primaryKey: readonly string[];
}

/** What was done to a table so that what is asked of it takes less time. */
export interface TableAdaptation {
  readonly schema: string;
  readonly table: string;
  /** Its number in the table's log, which `varve.adaptations` shows. */
  readonly number: number;
  /** Columns by which the rows are sorted now; empty when they lie as they came. */
  readonly sortKey: readonly string[];
  /** Columns that are not kept as fresh rows are, and what each is kept for: `scan`, `predicate`, `point` or `cold`. */
  readonly profiles: Readonly<Record<string, string>>;
  /** Parts of the table that were rewritten. */
  readonly segments: number;
  /** What it promised to save, should the workload so far come sixteen times more, in milliseconds of all threads. */
  readonly savingMs: number;
  /** What it was to cost. */
  readonly costMs: number;
  /** What it took. */
  readonly tookMs: number;
  /** Bytes of what was rewritten, before and after. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** An open database of tables. */
export interface SqlEngine extends SqlSession, AsyncDisposable {
  /** Parses and plans a statement for many runs. */
  prepare<R extends object = SqlRow>(sql: string): Promise<PreparedStatement<R>>;
  /**
   * The row with this primary key, synchronously; undefined when there is none.
   *
   * @param key the value of the key's column, or values in the order of the key's columns
   * Errors: `SQL_NAME`, `SQL_UNSUPPORTED` for a table without a primary key, `SQL_TYPE`.
   * Cost: one native call and some 50 ns per column; no event-loop turn.
   */
  get<R extends object = SqlRow>(
    table: string,
    key: SqlScalar | readonly SqlScalar[],
    options?: ValueModes,
  ): R | undefined;
  /** Holds on to the state of this moment. */
  snapshot(): SqlSnapshot;
  /** The tables and views that there are, by schema and name. */
  tables(): Promise<readonly TableDescription[]>;
  /** The plan as JSON text, of Varve's own engine a `PlanOperator`; with `analyze` the statement runs, and its actual rows stand beside the estimated ones. */
  explain(sql: string, options?: { readonly analyze?: boolean }): Promise<string>;
  /**
   * Lays tables out for what was asked of them since they were opened, as far as that pays, and waits for it. Others read
   * and write meanwhile. Absent where tables do not adapt.
   *
   * @returns what was done, by table; nothing when everything had better stay
   * Cost: reads samples, and rewrites what is worth it.
   */
  adapt?(): Promise<readonly TableAdaptation[]>;
  /** Ends running queries, rolls open transactions back and lets go of the directory. Closing again does nothing. */
  close(): Promise<void>;
}
