/**
 * DuckDB in its own storage: one file, checkpointed, opened once and kept open, results streamed chunk by chunk. Its
 * chunks stay native handles where only the time of a query counts.
 */
import { join } from 'node:path';
import { type DuckDbChunk, type DuckDbConnection, loadDuckDb } from '../rivals/load.js';
import {
  type OpenOptions,
  type ParquetTable,
  type SqlEngine,
  type SqlEngineKind,
  threadCount,
} from './engine.js';
import type { Cell, Piece } from './fingerprint.js';

export const duckdb: SqlEngineKind = {
  name: 'duckdb',
  store: 'duckdb',
  async load(folder, tables) {
    const { connection, close } = await connect(fileIn(folder));
    await loadTables(connection, tables);
    close();
  },
  open: openDuckDb,
};

/** With adaptive radix trees on the columns that equality filters name. */
export const duckdbWithIndexes = (columns: Readonly<Record<string, readonly string[]>>): SqlEngineKind => ({
  name: 'duckdb, indexes',
  store: 'duckdb, indexes',
  async load(folder, tables) {
    const { connection, close } = await connect(fileIn(folder));
    await loadTables(connection, tables);
    for (const [table, list] of Object.entries(columns))
      for (const column of list)
        await connection.run(`create index ${table}_${column} on ${table} (${column})`);
    await connection.run('checkpoint');
    close();
  },
  async open(folder, options) {
    return { ...(await openDuckDb(folder, options)), name: 'duckdb, indexes' };
  },
});

/** A database and one connection to it. */
export interface DuckDbDatabase {
  readonly connection: DuckDbConnection;
  /** Another connection to the same database. */
  readonly connect: () => Promise<DuckDbConnection>;
  readonly close: () => void;
}

/** @param file of the database; in memory when absent */
export async function connect(file?: string, { memoryBytes }: OpenOptions = {}): Promise<DuckDbDatabase> {
  const instance = await loadDuckDb().DuckDBInstance.create(file ?? ':memory:', {
    threads: String(threadCount),
    ...(memoryBytes === undefined ? {} : { memory_limit: `${Math.floor(memoryBytes / 2 ** 20)}MiB` }),
  });
  const connection = await instance.connect();
  return {
    connection,
    connect: () => instance.connect(),
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** Calls `take` with every chunk of a streamed result. @returns number of rows */
export async function streamChunks(
  connection: DuckDbConnection,
  sql: string,
  take: (chunk: DuckDbChunk) => void = () => {},
): Promise<number> {
  const result = await connection.stream(sql);
  let rows = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return rows;
    rows += chunk.rowCount;
    take(chunk);
  }
}

export const fileIn = (folder: string): string => join(folder, 'data.duckdb');

async function loadTables(connection: DuckDbConnection, tables: readonly ParquetTable[]): Promise<void> {
  for (const { name, file } of tables)
    await connection.run(`create table ${name} as select * from '${file.replaceAll("'", "''")}'`);
  await connection.run('checkpoint');
}

async function openDuckDb(folder: string, options?: OpenOptions): Promise<SqlEngine> {
  const { connection, close } = await connect(fileIn(folder), options);
  return {
    name: 'duckdb',
    run: ({ sql }) => streamChunks(connection, sql),
    async *answer({ sql }) {
      const result = await connection.stream(sql);
      const approximate = Array.from({ length: result.columnCount }, (_, i) =>
        approximateTypes.has(result.columnTypeId(i)),
      );
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return;
        yield pieceOf(chunk, approximate);
      }
    },
    close,
  };
}

/** FLOAT, DOUBLE and DECIMAL, as DuckDB numbers its types. */
const approximateTypes: ReadonlySet<number> = new Set([10, 11, 19]);

function pieceOf(chunk: DuckDbChunk, approximate: readonly boolean[]): Piece {
  return { columns: chunk.getColumns().map((column) => column.map(cellOf)), approximate };
}

function cellOf(value: unknown): Cell {
  if (value === null || typeof value !== 'object') return value as Cell;
  if ('micros' in value) return value.micros as bigint;
  if ('days' in value) return BigInt(value.days as number);
  return (value as { toDouble(): number }).toDouble();
}
