/**
 * The mobile tier's main job: flights into a table, questions that are built, rows changed by key; times, and the memory
 * of the whole process. One thread of the engine. Every run starts anew: the data are at hand.
 */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { count, from, type MobileDatabase, open } from '@varve/mobile';
import { folderBytes } from '../embedded/disk.js';
import { median } from '../embedded/latency.js';
import { flightsFile, readFlightColumns } from '../flights/parquet.js';
import { startProgress } from '../terminal/progress.js';
import { count as counted } from '../terminal/text.js';
import { type PlainRow, questions } from './questions.js';

/** What a run found out. */
export interface MobileSummary {
  readonly machine: string;
  readonly rows: number;
  readonly appendSeconds: number;
  readonly answers: readonly { readonly title: string; readonly answer: string; readonly ms: number }[];
  readonly change: { readonly rows: number; readonly ms: number };
  readonly bytes: { readonly parquet: number; readonly varve: number };
  /** Memory of the process: at most while it loaded, which is mostly the reader of Parquet in JavaScript, and most after a question. */
  readonly memory: { readonly loadingBytes: number; readonly askingBytes: number };
  readonly seconds: number;
}

/** Timed rounds per question. */
const rounds = 3;
/** Rows that are replaced. */
const replaced = 1000;

/** @param folder of the run; what is in it goes @throws VarveError STORE_LOCKED while another start is at work */
export async function runMobile(folder: string, rowCountMax: number): Promise<MobileSummary> {
  const started = performance.now();
  const database = join(folder, 'varve');
  mkdirSync(folder, { recursive: true });
  await (await open(database)).close();
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  const db = await open(database);
  const { rows, appendSeconds } = await load(db, rowCountMax);
  const loadingBytes = process.resourceUsage().maxRSS * 1024;
  const { answers, askingBytes } = await ask(db);
  const change = await replace(db, rows);
  await db.close();
  return {
    machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, one thread, Node ${process.version}`,
    rows,
    appendSeconds,
    answers,
    change,
    bytes: { parquet: statSync(flightsFile).size, varve: folderBytes(database) },
    memory: { loadingBytes, askingBytes },
    seconds: (performance.now() - started) / 1000,
  };
}

async function load(
  db: MobileDatabase,
  rowCountMax: number,
): Promise<{ readonly rows: number; readonly appendSeconds: number }> {
  const columns = { origin: 'text', destination: 'text', delay: 'int16', distance: 'int16' } as const;
  await db.createTable(
    'flights',
    { id: 'int64', departure: 'timestamp', ...columns },
    { primaryKey: ['id'] },
  );
  const progress = startProgress('reading flights-3m.parquet into a table, every commit on disk');
  let rows = 0;
  let appendMs = 0;
  for await (const { total, ...part } of readFlightColumns(rowCountMax)) {
    const start = performance.now();
    rows += await db.append('flights', part);
    appendMs += performance.now() - start;
    progress.update(rows, total);
  }
  const appendSeconds = appendMs / 1000;
  progress.end(`${counted(rows)} rows, ${counted(rows / appendSeconds)} per second appended`);
  return { rows, appendSeconds };
}

async function ask(
  db: MobileDatabase,
): Promise<{ readonly answers: MobileSummary['answers']; readonly askingBytes: number }> {
  const progress = startProgress('asking');
  const answers: MobileSummary['answers'][number][] = [];
  let askingBytes = 0;
  for (const [at, { title, query, say }] of questions.entries()) {
    const [first] = await db.query(query).rows();
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await msOf(() => db.query(query).rows()));
    answers.push({ title, answer: first === undefined ? 'none' : say(first as PlainRow), ms: median(times) });
    askingBytes = Math.max(askingBytes, process.memoryUsage.rss());
    progress.update(at + 1, questions.length);
  }
  progress.end();
  return { answers, askingBytes };
}

/** Replaces the first rows by key in one commit, and sees that none was lost. */
async function replace(db: MobileDatabase, rows: number): Promise<MobileSummary['change']> {
  const query = from('flights').orderBy('id').limit(Math.min(replaced, rows));
  const before = await db.query(query).columns();
  const ms = await msOf(() =>
    db.put('flights', { ...before, delay: Array.from(before.delay ?? [], () => 0) }),
  );
  const [after] = await db.query(from('flights').aggregate({ n: count() })).rows();
  if (after?.n !== BigInt(rows))
    throw new Error(`after replacing rows there are ${String(after?.n as bigint)} of ${rows}`);
  return { rows: Math.min(replaced, rows), ms };
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
