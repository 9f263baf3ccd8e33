// Generated from native/crates/varve_napi by build.mjs; do not edit.
import type { NativePointReader } from './point-reader.js';

/** A failure as data; the addon's TypeScript turns it into a `VarveError`. */
export interface Failure {
  /** A code of `errorCodes`. */
  code: string;
  /** What happened. */
  message: string;
  /** The next step; may be empty. */
  hint: string;
  /** The underlying failure as text, when there is one. */
  cause?: string;
}

/** What a failed call returns: an object that nothing else looks like. */
export interface Failed {
  /** Why the call failed. */
  failure: Failure;
}

/** An append whose rows come in pieces. */
export declare class NativeAppender {
  private constructor();
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

/** How a database is opened; what is absent has the engine's default. */
export interface NativeOptions {
  /** Refuses whatever changes the database. */
  readOnly?: boolean;
  /** Creates the directory and the database when there is none. */
  createIfMissing?: boolean;
  /** Fails with `STORE_EXISTS` when there is one. */
  errorIfExists?: boolean;
  /** Limit of the memory pool of queries. */
  memoryBytes?: number;
  /** Threads of the engine's own pool. */
  threads?: number;
  /** Where queries spill. */
  spillDirectory?: string;
  /** Lays tables out anew in the background when that pays. */
  adapt?: boolean;
  /** Folders that SQL may read and write files in. */
  allowedFolders?: Array<string>;
}

/** Opens a directory; one process owns it until `close`. */
export declare function openDatabase(directory: string, options: NativeOptions): Promise<NativeDatabase | Failed>;

/** An open database. */
export declare class NativeDatabase {
  private constructor();
  /** Begins a transaction. */
  begin(): Promise<NativeTransaction | Failed>;
  /** A view of this moment. */
  snapshot(): NativeSqlSnapshot | Failed;
  /** Appends the rows of one IPC stream, all or none. */
  append(table: string, ipc: Uint8Array, options: object): Promise<number | Failed>;
  /** Begins an append whose rows come in pieces, all or none. */
  appender(table: string, options: object): NativeAppender;
  /** All tables and views, by schema and name. */
  tables(): Promise<NativeTable[] | Failed>;
  /** One table, by its name as SQL writes it; null when there is none. */
  describe(table: string, options: object): Promise<NativeTable | null | Failed>;
  /** Binds point reads to a table. */
  pointReader(table: string, key: Uint8Array, row: Uint8Array): NativePointReader | Failed;
  /** Cancels queries, rolls back, lets go of the directory. */
  close(): Promise<undefined | Failed>;
  /** Starts a plan, JSON as core/sql encodes it, and returns at once, so that it can be cancelled from its first moment. */
  queryPlan(plan: string, options: object): NativeQuery;
  /** Makes a table of the columns of an IPC stream, whose rows are not looked at. */
  createTable(table: string, columns: Uint8Array, primaryKey: string[], options: object): Promise<undefined | Failed>;
  /** Drops a table with its rows. */
  dropTable(table: string, options: object): Promise<undefined | Failed>;
  /** Appends the rows of one IPC stream in the place of those with the same primary keys. */
  put(table: string, ipc: Uint8Array, options: object): Promise<number | Failed>;
  /** Deletes the rows with the primary keys of one IPC stream. */
  deleteKeys(table: string, keys: Uint8Array, options: object): Promise<number | Failed>;
}

/** A table or view. */
export interface NativeTable {
  /** The SQL schema that it is in. */
  schema: string;
  /** Its name. */
  name: string;
  /** A view has no rows of its own. */
  isView: boolean;
  /** The schema message of its columns. */
  columns: Uint8Array;
  /** Places of the primary key's columns; empty without one. */
  primaryKey: Array<number>;
}

/** The beginning of an answer. */
export interface NativeHead {
  /** The schema message. */
  schema: Uint8Array | string;
  /** Absent for a statement that only reads. */
  rowsAffected?: number;
  /** The first batches, when they were there already. */
  first?: Uint8Array | string;
  /** The rows of a small whole answer once more, packed. */
  packed?: Uint8Array | string;
  /** Nothing comes after `first`. */
  isWhole: boolean;
}

/** How far a statement has come. */
export interface NativeProgress {
  /** Rows that were looked at or skipped. */
  rowsScanned: number;
  /** Rows that the scans that have begun will look at. */
  rowsTotal: number;
  /** Bytes that were read, in memory form. */
  bytesScanned: number;
}

/** A statement under way. */
export declare class NativeQuery {
  private constructor();
  /** Resolves when the types of the answer are known, and of a statement that changes data when it is done. Once. */
  start(): Promise<NativeHead | Failed>;
  /** The next record batch, with the dictionaries that come before it; null after the last. One call at a time. */
  next(): Promise<Uint8Array | null | Failed>;
  /** Stops it and frees what it holds; whoever waits gets `QUERY_CANCELLED`. Afterwards, and at its end, a no-op. */
  cancel(): void;
  /** Whether all that is left of it is that a commit becomes durable. */
  isCommitting(): boolean;
  /** How far it has come. */
  progress(): NativeProgress;
}

/** A transaction; statements name it in their options. Savepoints are SQL. */
export declare class NativeTransaction {
  private constructor();
  /** Makes its changes durable and visible. */
  commit(): Promise<undefined | Failed>;
  /** Undoes its changes. Also after a failed commit, and of one that has ended. */
  rollback(): Promise<undefined | Failed>;
}

/** A view of one moment. */
export declare class NativeSqlSnapshot {
  private constructor();
  /** Lets go of it. Again does nothing. */
  release(): void;
}
