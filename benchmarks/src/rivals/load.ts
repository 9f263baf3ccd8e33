/** Loads the rivals, and says in types which few of their calls are used here. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { rivalsFolder } from './install.js';

const require = createRequire(join(rivalsFolder, 'package.json'));

export interface LmdbRange {
  readonly start?: Uint8Array;
  readonly limit?: number;
}

export interface LmdbStore {
  getBinaryFast(key: Uint8Array): Buffer | undefined;
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  getRange(range: LmdbRange): Iterable<{ readonly key: Uint8Array; readonly value: Buffer }>;
  put(key: Uint8Array, value: Uint8Array): Promise<boolean> & { readonly flushed?: Promise<unknown> };
  batch(action: () => void): Promise<boolean>;
  readonly flushed: PromiseLike<boolean>;
  backup(path: string, compact: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface Lmdb {
  open(options: Readonly<Record<string, unknown>>): LmdbStore;
}

export interface LevelIterator {
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>;
  close(): Promise<void>;
}

export interface LevelStore {
  open(): Promise<void>;
  getSync(key: Uint8Array): Uint8Array | undefined;
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  iterator(range: {
    readonly gte?: Uint8Array;
    readonly limit?: number;
    readonly highWaterMarkBytes?: number;
  }): LevelIterator;
  put(key: Uint8Array, value: Uint8Array, options?: { readonly sync?: boolean }): Promise<void>;
  batch(
    operations: readonly { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }[],
    options?: { readonly sync?: boolean },
  ): Promise<void>;
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface Level {
  readonly ClassicLevel: new (folder: string, options: Readonly<Record<string, unknown>>) => LevelStore;
}

export interface SqliteStatement {
  pluck(): SqliteStatement;
  raw(): SqliteStatement;
  get(...parameters: unknown[]): unknown;
  run(...parameters: unknown[]): unknown;
  iterate(...parameters: unknown[]): Iterable<unknown>;
}

export interface SqliteStore {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): void;
  pragma(text: string): unknown;
  close(): void;
}

export type Sqlite = new (file: string) => SqliteStore;

export interface OnnxTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    fetches?: readonly string[],
  ): Promise<Record<string, OnnxTensor>>;
  release(): Promise<void>;
}

export interface Onnx {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: Readonly<Record<string, unknown>>): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OnnxTensor;
}

export interface DuckDbVector {
  /** The values of a column of fixed width. */
  readonly items: { set(values: ArrayLike<number> | ArrayLike<bigint>): void };
  flush(): void;
}

export interface DuckDbChunk {
  rowCount: number;
  reset(): void;
  readonly columnCount: number;
  getColumnVector(index: number): DuckDbVector;
  getColumns(): unknown[][];
}

export interface DuckDbResult {
  readonly columnCount: number;
  columnTypeId(index: number): number;
  fetchChunk(): Promise<DuckDbChunk | null>;
}

export interface DuckDbStatement {
  bindInteger(index: number, value: number): void;
  bindBigInt(index: number, value: bigint): void;
  bindVarchar(index: number, value: string): void;
  run(): Promise<DuckDbResult>;
}

export interface DuckDbAppender {
  appendDataChunk(chunk: DuckDbChunk): void;
  flushSync(): void;
  closeSync(): void;
}

export interface DuckDbConnection {
  run(sql: string): Promise<DuckDbResult>;
  stream(sql: string): Promise<DuckDbResult>;
  prepare(sql: string): Promise<DuckDbStatement>;
  createAppender(table: string): Promise<DuckDbAppender>;
  closeSync(): void;
}

export interface DuckDb {
  readonly DuckDBInstance: {
    create(
      file: string,
      options: Readonly<Record<string, string>>,
    ): Promise<{ connect(): Promise<DuckDbConnection>; closeSync(): void }>;
  };
  readonly DuckDBDataChunk: { create(types: readonly unknown[], rowCount?: number): DuckDbChunk };
  readonly BIGINT: unknown;
  readonly DOUBLE: unknown;
  readonly TIMESTAMP: unknown;
}

export interface PolarsExpr {
  alias(name: string): PolarsExpr;
  and(other: PolarsExpr): PolarsExpr;
  eq(value: unknown): PolarsExpr;
  lt(value: unknown): PolarsExpr;
  gtEq(value: unknown): PolarsExpr;
  mul(other: PolarsExpr): PolarsExpr;
  sub(other: PolarsExpr): PolarsExpr;
  sum(): PolarsExpr;
  mean(): PolarsExpr;
  median(): PolarsExpr;
  std(): PolarsExpr;
  min(): PolarsExpr;
  max(): PolarsExpr;
}

export interface PolarsSeries {
  readonly dtype: unknown;
  cast(type: unknown): PolarsSeries;
  toArray(): unknown[];
}

export interface PolarsFrame {
  readonly height: number;
  readonly columns: readonly string[];
  lazy(): PolarsLazyFrame;
  slice(offset: number, length: number): PolarsFrame;
  getColumn(name: string): PolarsSeries;
  writeIPC(): Buffer;
}

export interface PolarsLazyFrame {
  filter(predicate: PolarsExpr): PolarsLazyFrame;
  select(...columns: (PolarsExpr | string)[]): PolarsLazyFrame;
  groupBy(columns: readonly string[], keepOrder: boolean): { agg(...columns: PolarsExpr[]): PolarsLazyFrame };
  sort(columns: readonly string[], descending: boolean): PolarsLazyFrame;
  limit(rows: number): PolarsLazyFrame;
  collect(): Promise<PolarsFrame>;
  /** Blocks the event loop; the other call knows no engine but the default one. */
  collectSync(options: { readonly engine: 'streaming' }): PolarsFrame;
}

export interface Polars {
  scanParquet(file: string): PolarsLazyFrame;
  readParquet(file: string): PolarsFrame;
  readIPCStream(bytes: Buffer): PolarsFrame;
  readonly Float64: unknown;
  col(name: string): PolarsExpr;
  lit(value: unknown): PolarsExpr;
  len(): PolarsExpr;
  pearsonCorr(a: string, b: string): PolarsExpr;
}

export const loadLmdb = (): Lmdb => require('lmdb') as Lmdb;
export const loadLevel = (): Level => require('classic-level') as Level;
export const loadSqlite = (): Sqlite => require('better-sqlite3') as Sqlite;
export const loadOnnx = (): Onnx => require('onnxruntime-node') as Onnx;
export const loadDuckDb = (): DuckDb => require('@duckdb/node-api') as DuckDb;

/** @param threads of its pool, which is made once per process */
export function loadPolars(threads: number): Polars {
  process.env['POLARS_MAX_THREADS'] = String(threads);
  return require('nodejs-polars') as Polars;
}
