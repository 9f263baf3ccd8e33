/**
 * What the native addon exports for SQL, as this package stands on it; an argument, so that tests can drive it.
 *
 * Invariants
 * 1. Nothing throws: an expected failure is a `Failed` value, also of a promise.
 * 2. All bytes are Arrow IPC messages, one after another, each beginning at a multiple of 8 bytes in its memory. They
 *    belong to JavaScript once they are returned; bytes that are passed in stay unchanged until the promise resolves, but for
 *    those of `NativeAppender.push`.
 * 3. No call but `PointReader.get` waits for the engine on the calling thread.
 */
import type { Failed, TableAdaptation } from '@varve/interfaces';

/** The addon. */
export interface NativeSql {
  /** Opens a directory; one process owns it until `close`. */
  openDatabase(directory: string, options: NativeOptions): Promise<NativeDatabase | Failed>;
}

/** How a database is opened; what is absent has the engine's default. */
export interface NativeOptions {
  readonly readOnly?: boolean;
  readonly createIfMissing?: boolean;
  readonly errorIfExists?: boolean;
  /** Limit of the memory pool of queries. */
  readonly memoryBytes?: number;
  /** Threads of the engine's own pool. */
  readonly threads?: number;
  /** Where queries spill; inside the directory by default. */
  readonly spillDirectory?: string;
  /** Lays tables out anew in the background when that pays; true by default. */
  readonly adapt?: boolean;
  /** Folders that SQL may read and write files in; none by default. */
  readonly allowedFolders?: readonly string[];
}

/** A parameter. A number that is an integer stands for an int64, others for a double; a date for a timestamp in UTC. */
export type NativeParam =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | { readonly micros: bigint };

/** A list: values of one kind, and null. */
export type NativeList = readonly NativeParam[];

/** Parameters by position, or by name when `names` is there, as long as `values`. */
export interface NativeParams {
  readonly values: readonly (NativeParam | NativeList)[];
  readonly names?: readonly string[];
}

/** Where and how a statement runs. */
export interface NativeQueryOptions {
  readonly transaction?: NativeTransaction;
  readonly snapshot?: NativeSnapshot;
  readonly batchRows?: number;
}

/** An open database. */
export interface NativeDatabase {
  /**
   * Starts a statement and returns at once, so that it can be cancelled from its first moment; or with its answer, if that is
   * there by then.
   */
  query(sql: string, params: NativeParams, options: NativeQueryOptions): NativeStarted;
  /** Runs a plan, encoded as `builder/encode.ts` says. Absent where plans become SQL. */
  queryPlan?(plan: string, options: NativeQueryOptions): NativeStarted;
  /** Parses and plans a statement. */
  prepare(sql: string): Promise<NativeStatement | Failed>;
  /** Begins a transaction. */
  begin(): Promise<NativeTransaction | Failed>;
  /** What the database holds now, for statements that name it. */
  snapshot(): NativeSnapshot | Failed;
  /**
   * Appends the rows of one IPC stream, all or none. Columns are matched by name, those that are left out have their
   * default, and what is encoded otherwise than the table's column (dictionary, view, large offsets) is cast.
   */
  append(
    table: string,
    ipc: Uint8Array,
    options: { readonly transaction?: NativeTransaction },
  ): Promise<number | Failed>;
  /** Begins an append whose rows come in pieces, all or none, encoded as for `append`. */
  appender(table: string, options: { readonly transaction?: NativeTransaction }): NativeAppender;
  /** All tables and views, by schema and name. */
  tables(): Promise<readonly NativeTable[] | Failed>;
  /** One table, by its name as SQL writes it; null when there is none. `transaction` sees its own. */
  describe(
    table: string,
    options: { readonly transaction?: NativeTransaction },
  ): Promise<NativeTable | null | Failed>;
  /** Binds point reads to a table. */
  pointReader(table: string, key: Uint8Array, row: Uint8Array): NativePointReader | Failed;
  /** Lays tables out for what was asked of them, as far as that pays; what was done. */
  adapt(): Promise<readonly TableAdaptation[] | Failed>;
  /** The plan as JSON. */
  explain(sql: string, analyze: boolean): Promise<string | Failed>;
  /** Cancels queries, rolls back, lets go of the directory. */
  close(): Promise<undefined | Failed>;
}

/** What an engine without SQL has instead of it. */
export interface NativeTables
  extends Omit<NativeDatabase, 'query' | 'prepare' | 'explain' | 'adapt' | 'queryPlan'>,
    Required<Pick<NativeDatabase, 'queryPlan'>> {
  /** Makes a table of the columns of an IPC stream, whose rows are not looked at. */
  createTable(
    table: string,
    columns: Uint8Array,
    primaryKey: string[],
    options: { readonly transaction?: NativeTransaction },
  ): Promise<undefined | Failed>;
  /** Drops a table with its rows. */
  dropTable(
    table: string,
    options: { readonly transaction?: NativeTransaction },
  ): Promise<undefined | Failed>;
  /** Appends the rows of one IPC stream in the place of those with the same primary keys. */
  put(
    table: string,
    ipc: Uint8Array,
    options: { readonly transaction?: NativeTransaction },
  ): Promise<number | Failed>;
  /** Deletes the rows with the primary keys of one IPC stream. */
  deleteKeys(
    table: string,
    keys: Uint8Array,
    options: { readonly transaction?: NativeTransaction },
  ): Promise<number | Failed>;
}

/** An append whose rows come in pieces. It ends with `finish` or `cancel`, of which one is called, once. */
export interface NativeAppender {
  /**
   * Hands over the rows of one IPC stream; all have the schema of the first. Resolves when there is room for more, with the
   * reason when they were refused. One call at a time; the bytes are read before it returns.
   */
  push(ipc: Uint8Array): Promise<undefined | Failed>;
  /** Resolves when all rows are appended, with their number, or when none is. */
  finish(): Promise<number | Failed>;
  /** Resolves when nothing of it is left. */
  cancel(): Promise<undefined | Failed>;
}

/** A statement under way, or its whole answer. */
export type NativeStarted = NativeQuery | NativeHead | Failed;

/**
 * Bytes, where few of them are text, of one character below 256 for each: memory outside of JavaScript's own costs a small
 * query more than all else.
 */
export type NativePiece = Uint8Array | string;

/** A statement under way. */
export interface NativeQuery {
  /** Resolves when the types of the answer are known, and of a statement that changes data when it is done. Once. */
  start(): Promise<NativeHead | Failed>;
  /** The next record batch, with the dictionaries that come before it; null after the last. One call at a time. */
  next(): Promise<Uint8Array | null | Failed>;
  /** Stops it and frees what it holds; whoever waits gets `QUERY_CANCELLED`. Afterwards, and at its end, a no-op. */
  cancel(): void;
  /** How far it has come. */
  progress(): NativeProgress;
  /** Whether all that is left of it is that a commit becomes durable. Absent where that is never known. */
  isCommitting?(): boolean;
}

/** The beginning of an answer. A small answer is whole in here: one crossing per query. */
export interface NativeHead {
  /** The schema message. */
  readonly schema: NativePiece;
  /** Absent for a statement that only reads. */
  readonly rowsAffected?: number | null;
  /** The first batches, when they were there already. */
  readonly first?: NativePiece | null;
  /** The rows of a small whole answer once more, as `readPackedRows` reads them: decoding Arrow costs some 100 us. */
  readonly packed?: NativePiece | null;
  /** Nothing comes after `first`. */
  readonly isWhole: boolean;
}

/** How far a statement has come. */
export interface NativeProgress {
  readonly rowsScanned: number;
  readonly rowsTotal: number;
  readonly bytesScanned: number;
}

/** A prepared statement. */
export interface NativeStatement {
  readonly parameterCount: number;
  /** The schema message of its answer. */
  readonly schema: Uint8Array;
  /** Starts it with these values, as `NativeDatabase.query` does. */
  query(params: NativeParams, options: NativeQueryOptions): NativeStarted;
  /** Closing again does nothing; queries that were started go on. */
  close(): void;
}

/** A transaction; statements name it in their options. Savepoints are SQL. */
export interface NativeTransaction {
  /** Makes its changes durable and visible. */
  commit(): Promise<undefined | Failed>;
  /** Also after a failed commit, and of one that has ended. */
  rollback(): Promise<undefined | Failed>;
}

/** A state of the database that does not change. */
export interface NativeSnapshot {
  /** Again does nothing. */
  release(): void;
}

/** A table or a view. */
export interface NativeTable {
  readonly schema: string;
  readonly name: string;
  readonly isView: boolean;
  /** The schema message of its columns. */
  readonly columns: Uint8Array;
  /** Places of the primary key's columns; empty without one. */
  readonly primaryKey: readonly number[];
}

/** Reads one table by its primary key. Key and row lie in the buffers that it was made with, as `point/packed-row.ts` says. */
export interface NativePointReader {
  /** The schema message of the table's columns. */
  readonly columns: Uint8Array;
  readonly primaryKey: readonly number[];
  /**
   * Looks up the key that lies in the first `keyBytes` bytes of the key buffer.
   *
   * @returns bytes of the row; more than the row buffer has when it did not fit, which is then untouched; -1 when there
   *   is none; -2 when it failed; -3 when the table was altered since the reader was made
   */
  get(keyBytes: number): number;
  /** Registers a larger row buffer. */
  setRow(row: Uint8Array): void;
  /** Why the last call returned -2. */
  takeFailure(): Failed;
}
