/**
 * The pc tier's main job: flights into a table, ten questions, rows changed, a crash in the middle of a commit; times
 * beside DuckDB where it is installed, answers compared first.
 *
 * Every run starts anew: the data are at hand.
 */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { open, type PcDatabase } from '@varve/pc';
import { folderBytes } from '../embedded/disk.js';
import { median } from '../embedded/latency.js';
import { flightsFile } from '../flights/parquet.js';
import { startProgress } from '../terminal/progress.js';
import { type Crash, crash, prepareCrash } from './crash.js';
import { openDuckDb, type Rival } from './duckdb.js';
import { type Loaded, loadFlights } from './load.js';
import { firstDifference, plainRows } from './plain.js';
import { questions } from './questions.js';

/** Milliseconds of Varve and, where it is installed, DuckDB. */
export interface Times {
  readonly varveMs: number;
  readonly duckdbMs?: number;
}

/** What a run found out. */
export interface PcSummary {
  readonly machine: string;
  /** The database, which stays for the reader to open. */
  readonly database: string;
  readonly loaded: Loaded;
  readonly answers: readonly ({ readonly title: string; readonly answer: string } & Times)[];
  readonly update: Times & { readonly rows: number };
  readonly crash: Crash;
  readonly bytes: { readonly parquet: number; readonly varve: number; readonly duckdb?: number };
  readonly seconds: number;
}

/** Timed rounds per question, both engines in turn. */
const rounds = 3;

/** @param folder of the run; what is in it goes @throws VarveError STORE_LOCKED while another start is at work */
export async function runPc(folder: string, rowCountMax: number): Promise<PcSummary> {
  const started = performance.now();
  const database = join(folder, 'varve');
  await emptied(folder, database);
  const db = await open(database);
  const loaded = await loadFlights(db, rowCountMax);
  const duckdbFile = join(folder, 'flights.duckdb');
  const loading = startProgress('the same into DuckDB, for comparison');
  const duckdb = await openDuckDb(duckdbFile, loaded.rows);
  loading.end(duckdb === undefined ? 'not installed: Varve alone' : '');
  const answers = await askAll(db, duckdb);
  const update = await updateRows(db, duckdb);
  await prepareCrash(db);
  await db.close();
  duckdb?.close();
  const bytes = {
    parquet: statSync(flightsFile).size,
    varve: folderBytes(database),
    ...(duckdb === undefined ? {} : { duckdb: statSync(duckdbFile).size }),
  };
  rmSync(duckdbFile, { force: true });
  const crashing = startProgress('killing a process in the middle of a commit');
  // Long enough for some commits, and not a whole number of them.
  const crashed = await crash(database, 500 + 3.5 * update.varveMs);
  crashing.end(`${crashed.acknowledged} acknowledged, ${crashed.found} found`);
  return {
    machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, Node ${process.version}`,
    database,
    loaded,
    answers,
    update,
    crash: crashed,
    bytes,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Takes away what an earlier run left, unless it is still running. */
async function emptied(folder: string, database: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await (await open(database)).close();
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
}

async function askAll(db: PcDatabase, duckdb: Rival | undefined): Promise<PcSummary['answers']> {
  const progress = startProgress('asking ten questions');
  const answers: PcSummary['answers'][number][] = [];
  for (const [at, { title, sql, say }] of questions.entries()) {
    const rows = plainRows(await db.query(sql).rows());
    const [first] = rows;
    if (duckdb !== undefined) {
      const difference = firstDifference(rows, await duckdb.ask(sql));
      if (difference !== undefined) throw new Error(`${title}: Varve and DuckDB differ: ${difference}`);
    }
    answers.push({
      title,
      answer: first === undefined ? 'none' : say(first, rows),
      ...(await timesOf(db, duckdb, sql)),
    });
    progress.update(at + 1, questions.length);
  }
  progress.end(duckdb === undefined ? '' : 'DuckDB answers alike');
  return answers;
}

async function timesOf(db: PcDatabase, duckdb: Rival | undefined, sql: string): Promise<Times> {
  const [varve, rival]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    varve.push(await msOf(() => db.query(sql).rows()));
    if (duckdb !== undefined) rival.push(await msOf(() => duckdb.ask(sql)));
  }
  return { varveMs: median(varve), ...(duckdb === undefined ? {} : { duckdbMs: median(rival) }) };
}

/** Changes the rows of one airport, in both engines, and compares what that makes of the whole. */
async function updateRows(db: PcDatabase, duckdb: Rival | undefined): Promise<PcSummary['update']> {
  const progress = startProgress('changing rows');
  const statement = `update flights set delay = delay - 5 where origin = 'SEA'`;
  const check = 'select count(*) as flights, sum(delay) as minutes from flights';
  let rows = 0;
  const varveMs = await msOf(async () => {
    rows = (await db.query(statement)).rowsAffected ?? 0;
  });
  const after = plainRows(await db.query(check).rows());
  progress.end();
  if (duckdb === undefined) return { rows, varveMs };
  const duckdbMs = await msOf(() => duckdb.ask(statement));
  const difference = firstDifference(after, await duckdb.ask(check));
  if (difference !== undefined) throw new Error(`after an update Varve and DuckDB differ: ${difference}`);
  return { rows, varveMs, duckdbMs };
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
