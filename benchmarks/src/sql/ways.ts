/**
 * Ways of the rows of table b into JavaScript. They have arrived when every byte of them lies in JavaScript's reach, as
 * columns; strings need not be decoded. DuckDB's streamed chunks are taken as typed arrays over their vectors and, apart,
 * as arrays of values; Polars writes its frame as Arrow IPC.
 */
import { join } from 'node:path';
import { loadPolars } from '../rivals/load.js';
import { connect, fileIn, streamChunks } from './duckdb.js';
import { threadCount } from './engine.js';
import { findVarve, finish } from './varve.js';

export const everything = { name: 'everything', sql: 'select * from b' };

/** Brings all rows over. @returns what arrived: rows, or bytes where only those are at hand */
export type Deliver = () => Promise<number>;

/** The ways that a kind of engine has, by name. */
export function waysOf(kind: string): readonly string[] {
  return Object.keys(ways).filter((name) => name.split(',')[0] === kind);
}

/** @throws RangeError when there is no such way */
export function openWay(name: string, folder: string): Promise<Deliver> {
  const open = ways[name];
  if (open === undefined) throw new RangeError(`no way is named ${name}`);
  return open(folder);
}

const ways: Readonly<Record<string, (folder: string) => Promise<Deliver>>> = {
  async varve(folder) {
    const sql = await findVarve();
    const database = await sql?.open(folder, { threads: threadCount });
    if (database === undefined) throw new RangeError('there is no Varve');
    return () => finish(database.query(everything.sql));
  },
  async duckdb(folder) {
    const { connection } = await connect(fileIn(folder));
    return () =>
      streamChunks(connection, everything.sql, (chunk) => {
        for (let i = 0; i < chunk.columnCount; i++) chunk.getColumnVector(i);
      });
  },
  async 'duckdb, values'(folder) {
    const { connection } = await connect(fileIn(folder));
    return () => streamChunks(connection, everything.sql, (chunk) => void chunk.getColumns());
  },
  polars(folder) {
    const frame = loadPolars(threadCount).readParquet(join(folder, 'b.parquet')).lazy();
    return Promise.resolve(async () => (await frame.collect()).writeIPC().length);
  },
};
