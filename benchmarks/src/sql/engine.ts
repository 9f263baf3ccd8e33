/**
 * What suite `sql` asks of an engine that answers queries over tables loaded from Parquet files.
 *
 * Times are of `run`, which takes in the whole result in the cheapest form that the engine has: that a rival's rows need
 * not become JavaScript values is in its favour, and what the way into JavaScript costs has a case of its own,
 * `boundary`.
 */
import type { Piece } from './fingerprint.js';

/** Every engine works with as many threads. */
export const threadCount = 2;

export interface Query {
  /** In words that also stand in the results. */
  readonly name: string;
  /** One statement, without a semicolon. */
  readonly sql: string;
}

/** A Parquet file that becomes a table. */
export interface ParquetTable {
  readonly name: string;
  readonly file: string;
}

export interface SqlEngine {
  readonly name: string;
  /** Runs a query and takes in its whole result. @returns number of rows */
  run(query: Query): Promise<number>;
  /** The result as values, piece by piece; untimed. */
  answer(query: Query): AsyncIterable<Piece>;
  close(): Promise<void> | void;
}

export interface OpenOptions {
  /** Limit of the engine's own memory pool, bytes; its default without one. */
  readonly memoryBytes?: number;
}

export interface SqlEngineKind {
  readonly name: string;
  /** What `load` makes; kinds that make the same share it. */
  readonly store: string;
  /** Makes a database of these tables in `folder`, which is empty, checkpointed and closed. */
  load(folder: string, tables: readonly ParquetTable[]): Promise<void>;
  open(folder: string, options?: OpenOptions): Promise<SqlEngine>;
}
