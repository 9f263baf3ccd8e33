/**
 * Case `boundary`: 1 M rows of int64, double, string and timestamp on their way into JavaScript, and how long they keep
 * the event loop from turning. They have arrived when every byte of them lies in JavaScript's reach, as columns; strings
 * need not be decoded. DuckDB's streamed chunks are taken as typed arrays over their vectors and, apart, as arrays of
 * values; Polars writes its frame as Arrow IPC.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Case, Context } from '../result.js';
import { loadPolars } from '../rivals/load.js';
import { interleave, row, WrongAnswer } from '../rounds.js';
import { dataFolder } from './data-folder.js';
import { connect, duckdb, fileIn, streamChunks } from './duckdb.js';
import { type ParquetTable, type SqlEngine, threadCount } from './engine.js';
import { watchLoop } from './event-loop.js';
import { type Fingerprint, fingerprint, mustMatch } from './fingerprint.js';
import { polarsKinds } from './polars.js';
import { sizes } from './sizes.js';
import { readSql } from './statements.js';
import { lastDigits } from './timing.js';
import { findVarve, finish, type VarveDatabase, varveKind } from './varve.js';

const name = 'boundary';
const everything = { name: 'everything', sql: 'select * from b' };

/** A way into JavaScript. */
interface Way {
  readonly name: string;
  /** @returns what arrived: rows, or bytes where only those are at hand */
  deliver(): Promise<number>;
  close(): unknown;
}

export async function boundary(context: Context): Promise<readonly Case[]> {
  const ways = await openWays(context);
  context.progress.step('boundary: rows into JavaScript');
  const blocked = new Map(ways.map((way) => [way.name, [] as number[]]));
  for (const way of ways) await way.deliver();
  const times = await interleave(ways, sizes[context.size].boundaryRounds, async (way) => {
    const { ms, blockedMs } = await watchLoop(async () => {
      if ((await way.deliver()) < sizes[context.size].boundaryRows)
        throw new WrongAnswer(`${name}: ${way.name} delivers too little`);
    });
    blocked.get(way.name)?.push(blockedMs);
    return ms;
  });
  for (const way of ways) await way.close();
  return [
    row({ case: name, metric: 'time', unit: 'ms', better: 'lower' }, times),
    row({ case: name, metric: 'event loop blocked', unit: 'ms', better: 'lower' }, blocked),
  ];
}

async function tableB({ size, progress }: Context): Promise<ParquetTable> {
  const rows = sizes[size].boundaryRows;
  const folder = await dataFolder(`boundary-${rows}`, async (to) => {
    progress.step(`making ${rows.toLocaleString('en')} rows with DuckDB (once)`);
    const { connection, close } = await connect();
    const select = readSql('boundary.sql', { rows });
    await connection.run(`copy (${select}) to '${join(to, 'b.parquet')}' (format parquet)`);
    close();
  });
  return { name: 'b', file: join(folder, 'b.parquet') };
}

/** Loads the table into every engine, compares their answers, and opens the ways. */
async function openWays(context: Context): Promise<readonly Way[]> {
  const table = await tableB(context);
  const sql = await findVarve();
  const polars = polarsKinds('b', { [everything.name]: (b) => b })[0];
  const own = sql === undefined ? [] : [varveKind(sql, 'varve')];
  const folders = new Map<string, string>();
  const answers = new Map<string, Fingerprint>();
  for (const kind of [...own, duckdb, ...(polars === undefined ? [] : [polars])]) {
    const folder = join(context.folder, `b, ${kind.name}`);
    mkdirSync(folder);
    folders.set(kind.name, folder);
    await kind.load(folder, [table]);
    const engine: SqlEngine = await kind.open(folder);
    answers.set(kind.name, await fingerprint(engine.answer(everything)));
    await engine.close();
  }
  mustMatch(name, answers, lastDigits);
  const folderOf = (kind: string): string => folders.get(kind) ?? '';
  const ways: Way[] =
    sql === undefined ? [] : [varveWay(await sql.open(folderOf('varve'), { threads: threadCount }))];
  const { connection, close } = await connect(fileIn(folderOf('duckdb')));
  ways.push({
    name: 'duckdb',
    deliver: () =>
      streamChunks(connection, everything.sql, (chunk) => {
        for (let i = 0; i < chunk.columnCount; i++) chunk.getColumnVector(i);
      }),
    close() {},
  });
  ways.push({
    name: 'duckdb, values',
    deliver: () => streamChunks(connection, everything.sql, (chunk) => void chunk.getColumns()),
    close,
  });
  const frame = loadPolars(threadCount)
    .readParquet(join(folderOf('polars'), 'b.parquet'))
    .lazy();
  ways.push({
    name: 'polars',
    deliver: async () => (await frame.collect()).writeIPC().length,
    close() {},
  });
  return ways;
}

function varveWay(database: VarveDatabase): Way {
  return {
    name: 'varve',
    deliver: () => finish(database.query(everything.sql)),
    close: () => database.close(),
  };
}
