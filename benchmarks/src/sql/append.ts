/**
 * Case `append`: rows of int64, double and timestamp from typed arrays into a table on disk, 100,000 at a time, each
 * batch acknowledged; and how long that keeps the event loop from turning. DuckDB gets its appender, in data chunks whose
 * vectors are set whole.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Case, Context } from '../result.js';
import { type DuckDbAppender, loadDuckDb } from '../rivals/load.js';
import { interleave, row, WrongAnswer } from '../rounds.js';
import { connect, fileIn } from './duckdb.js';
import { threadCount } from './engine.js';
import { watchLoop } from './event-loop.js';
import { sizes } from './sizes.js';
import { findVarve, finish, type VarveSql } from './varve.js';

const name = 'append';
const batchRows = 100_000;
const createTable = 'create table a (i bigint, d double, t timestamp)';
const sum = 'select count(*) as n, sum(i) as i from a';

interface Batch {
  readonly i: BigInt64Array;
  readonly d: Float64Array;
  /** Microseconds since 1970. */
  readonly t: BigInt64Array;
}

interface Appender {
  readonly name: string;
  append(batch: Batch): Promise<unknown> | undefined;
  /** @returns number of rows and sum of column i */
  check(): Promise<readonly [number, number]>;
  close(): unknown;
}

interface AppenderKind {
  readonly name: string;
  open(folder: string): Promise<Appender>;
}

export async function append(context: Context): Promise<readonly Case[]> {
  const { appended, appendRounds } = sizes[context.size];
  const sql = await findVarve();
  const kinds: readonly AppenderKind[] = [...(sql === undefined ? [] : [varve(sql)]), duckdb];
  const batches = makeBatches(appended);
  context.progress.step(`append: ${appended.toLocaleString('en')} rows`);
  const blocked = new Map(kinds.map((kind) => [kind.name, [] as number[]]));
  const rates = await interleave(kinds, appendRounds, async (kind) => {
    const folder = join(context.folder, `append, ${kind.name}`);
    mkdirSync(folder);
    const appender = await kind.open(folder);
    const { ms, blockedMs } = await watchLoop(async () => {
      for (const batch of batches) await appender.append(batch);
    });
    const [rows, total] = await appender.check();
    if (rows !== appended || total !== (appended * (appended - 1)) / 2)
      throw new WrongAnswer(`${name}: ${kind.name} holds ${rows} rows whose sum is ${total}`);
    await appender.close();
    rmSync(folder, { recursive: true });
    blocked.get(kind.name)?.push(blockedMs);
    return (appended / ms) * 1000;
  });
  return [
    row({ case: name, metric: 'rows per second', unit: '1/s', better: 'higher' }, rates),
    row({ case: name, metric: 'event loop blocked', unit: 'ms', better: 'lower' }, blocked),
  ];
}

function makeBatches(rows: number): readonly Batch[] {
  const batches: Batch[] = [];
  for (let from = 0; from < rows; from += batchRows) {
    const length = Math.min(batchRows, rows - from);
    batches.push({
      i: BigInt64Array.from({ length }, (_, at) => BigInt(from + at)),
      d: Float64Array.from({ length }, (_, at) => (from + at) / 7),
      t: BigInt64Array.from({ length }, (_, at) => 1_767_225_600_000_000n + BigInt(from + at) * 1_000_000n),
    });
  }
  return batches;
}

function varve(sql: VarveSql): AppenderKind {
  return {
    name: 'varve',
    async open(folder) {
      const database = await sql.open(folder, { threads: threadCount });
      await finish(database.query(createTable));
      return {
        name: 'varve',
        append: (batch) => database.append('a', { ...batch }),
        async check() {
          const [found] = await database.query(sum).rows();
          return [Number(found?.['n']), Number(found?.['i'])];
        },
        close: () => database.close(),
      };
    },
  };
}

const duckdb: AppenderKind = {
  name: 'duckdb',
  async open(folder) {
    const { connection, close } = await connect(fileIn(folder));
    await connection.run(createTable);
    const appender = await connection.createAppender('a');
    return {
      name: 'duckdb',
      append(batch) {
        appendChunks(appender, batch);
        appender.flushSync();
        return undefined;
      },
      async check() {
        const columns = (await (await connection.run(sum)).fetchChunk())?.getColumns();
        return [Number(columns?.[0]?.[0]), Number(columns?.[1]?.[0])];
      },
      close() {
        appender.closeSync();
        close();
      },
    };
  },
};

/** A chunk holds at most 2,048 rows. */
const chunkRows = 2048;

function appendChunks(appender: DuckDbAppender, { i, d, t }: Batch): void {
  const { DuckDBDataChunk, BIGINT, DOUBLE, TIMESTAMP } = loadDuckDb();
  const chunk = DuckDBDataChunk.create([BIGINT, DOUBLE, TIMESTAMP]);
  for (let from = 0; from < i.length; from += chunkRows) {
    const to = Math.min(from + chunkRows, i.length);
    chunk.reset();
    chunk.rowCount = to - from;
    for (const [column, values] of [
      i.subarray(from, to),
      d.subarray(from, to),
      t.subarray(from, to),
    ].entries()) {
      const vector = chunk.getColumnVector(column);
      vector.items.set(values);
      vector.flush();
    }
    appender.appendDataChunk(chunk);
  }
}
