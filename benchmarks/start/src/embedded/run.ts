/**
 * The embedded tier's main job: load flights, fold them into learned segments, answer, score, and say what was
 * chosen and why.
 *
 * A run leaves the database and its summary in one folder; the next run finds both and only answers again. A folder
 * without a summary is what an interrupted run left: it is emptied first.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { open } from '@varve/embedded';
import { ClassicLevel } from 'classic-level';
import type { Flights } from '../flights/flights.js';
import { flightsFile, readFlights } from '../flights/parquet.js';
import { startProgress } from '../terminal/progress.js';
import { count } from '../terminal/text.js';
import { askExamples } from './answers.js';
import { readChoices, readCurve, readLearnedCurve } from './choices.js';
import { batchKeys, compare, questionCountOf, rangeEntries } from './compare.js';
import { folderBytes } from './disk.js';
import { clockCostNs, timeEach } from './latency.js';
import { checkLoaded, loadLevel, loadVarve, readBack } from './load.js';
import { drawExisting, drawMissing } from './questions.js';
import { scoreDelays } from './score-delays.js';
import { type FlightDatabase, levelSubject, type Subject, varveSubject } from './subjects.js';
import type { Summary } from './summary.js';

export interface RunOptions {
  /** Where database and summary live; it belongs to the run. */
  readonly folder: string;
  /** Departures at most. */
  readonly rowCountMax: number;
  /** Keys looked up per round and kind of read, a multiple of 1,000; single calls are five times as many. */
  readonly keysPerRound: number;
}

/** What a run found out, and whether the database was there already. */
export interface Outcome {
  readonly summary: Summary;
  /** Seconds that opening took, and fresh nanoseconds per point read, when the database was there. */
  readonly again?: { readonly openSeconds: number; readonly pointNs: number; readonly checked: number };
}

const summaryVersion = 1;
/** Largest answer of one packed call, entries. */
const packedEntriesMax = Math.max(batchKeys, rangeEntries);

export async function runEmbedded(options: RunOptions): Promise<Outcome> {
  const saved = readSummary(options);
  if (saved !== undefined) return { summary: saved, again: await answerAgain(options, saved) };
  rmSync(options.folder, { recursive: true, force: true });
  mkdirSync(options.folder, { recursive: true });
  const summary = await runAnew(options);
  writeFileSync(summaryFile(options), JSON.stringify(summary));
  return { summary };
}

async function runAnew({ folder, rowCountMax, keysPerRound }: RunOptions): Promise<Summary> {
  const started = performance.now();
  const reading = startProgress('reading flights-3m.parquet');
  const flights = await readFlights(rowCountMax, reading.update);
  const readSeconds = reading.end(`${count(flights.count)} departures`);

  const db = await openFlights(folder);
  const { storeSeconds, foldSeconds } = await fill(db, flights);
  const level = new ClassicLevel<Uint8Array, Uint8Array>(levelFolder(folder), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  await level.open();
  const levelLoading = startProgress('the same into LevelDB, for comparison');
  await loadLevel(level, flights, levelLoading.update);
  const levelStoreSeconds = levelLoading.end(rateOf(flights.count));

  const choices = startProgress('timing indexes beside the live ones');
  const segments = await readChoices(db);
  const learned = await readLearnedCurve(db);
  choices.end();

  const subjects: [Subject, Subject] = [varveSubject(db, packedEntriesMax), levelSubject(level)];
  const { reads, comparedAnswers, latencies } = await timeReads(flights, subjects, keysPerRound);
  const bytes = {
    parquet: statSync(flightsFile).size,
    varve: folderBytes(databaseFolder(folder)),
    level: folderBytes(levelFolder(folder)),
  };
  await level.close();
  rmSync(levelFolder(folder), { recursive: true });

  const lastMinute = Number((flights.keys[flights.count - 1] ?? 0n) >> 32n);
  const model = await scoreDelays(db, { rowCount: flights.count, lastMinute });
  const answers = askExamples(db, flights);
  const journal = db.control.journal();
  await db.close();
  return {
    version: summaryVersion,
    madeAt: new Date().toISOString(),
    machine: machine(),
    rowCountMax,
    rows: flights.count,
    firstMinute: Number((flights.keys[0] ?? 0n) >> 32n),
    lastMinute,
    seconds: {
      read: readSeconds,
      store: storeSeconds,
      fold: foldSeconds,
      levelStore: levelStoreSeconds,
      total: (performance.now() - started) / 1000,
    },
    bytes,
    segments,
    comparedAnswers,
    reads,
    latencies,
    curve: readCurve(flights),
    ...(learned === undefined ? {} : { learned }),
    answers,
    model,
    journal,
  };
}

/** Stores, folds and checks. */
async function fill(
  db: FlightDatabase,
  flights: Flights,
): Promise<{ storeSeconds: number; foldSeconds: number }> {
  const storing = startProgress('storing, every commit synced to disk');
  await loadVarve(db, flights, storing.update);
  const storeSeconds = storing.end(rateOf(flights.count));
  const folding = startProgress('folding into learned segments');
  db.on('progress', ({ done, total }: { done: number; total: number }) => folding.update(done, total));
  await db.flush();
  const { segments } = db.stats();
  const foldSeconds = folding.end(segments.length === 1 ? '1 segment' : `${segments.length} segments`);
  const checking = startProgress('reading everything back');
  checkLoaded(db, flights);
  checking.end('every record is as it was written');
  return { storeSeconds, foldSeconds };
}

async function timeReads(
  flights: Flights,
  [varve, level]: [Subject, Subject],
  keysPerRound: number,
): Promise<Pick<Summary, 'comparedAnswers' | 'latencies'> & { reads: Summary['reads'] }> {
  const progress = startProgress('comparing answers, then timing reads');
  const existing = drawExisting(flights, questionCountOf(keysPerRound), 1);
  const missing = drawMissing(flights, questionCountOf(keysPerRound), 2);
  const asked = { existing, missing, keysPerRound };
  const { figures, comparedAnswers } = await compare(varve, level, asked, progress.update);
  const singleCalls = questionCountOf(keysPerRound);
  const latencies = {
    varve: timeEach(singleCalls, (at) => varve.point(existing, at)),
    level: timeEach(singleCalls, (at) => level.point(existing, at)),
    clockNs: clockCostNs(),
  };
  progress.end(`${count(comparedAnswers)} answers agree`);
  return { reads: figures, comparedAnswers, latencies };
}

/** Opens the database of an earlier run, checks drawn answers against a scan, and times point reads. */
async function answerAgain(
  { folder, keysPerRound }: RunOptions,
  { rows }: Summary,
): Promise<NonNullable<Outcome['again']>> {
  const start = performance.now();
  const db = await openFlights(folder);
  const openSeconds = (performance.now() - start) / 1000;
  const flights = readBack(db, rows);
  const singleCalls = questionCountOf(keysPerRound);
  const questions = drawExisting(flights, singleCalls, 4);
  const varve = varveSubject(db, packedEntriesMax);
  for (let at = 0; at < singleCalls; at++) {
    if (varve.point(questions, at) !== questions.delays[at])
      throw new Error(`question ${at} has a wrong answer`);
  }
  const timing = performance.now();
  for (let at = 0; at < singleCalls; at++) varve.point(questions, at);
  const pointNs = ((performance.now() - timing) * 1e6) / singleCalls;
  await db.close();
  return { openSeconds, pointNs, checked: singleCalls };
}

function openFlights(folder: string): Promise<FlightDatabase> {
  return open<Uint8Array, Uint8Array>(databaseFolder(folder), { keyEncoding: 'view', valueEncoding: 'view' });
}

/** The summary of an earlier run over as many departures; undefined when there is none that this version reads. */
function readSummary({ folder, rowCountMax }: RunOptions): Summary | undefined {
  const file = summaryFile({ folder });
  if (!existsSync(file)) return undefined;
  const summary = JSON.parse(readFileSync(file, 'utf8')) as Summary;
  return summary.version === summaryVersion && summary.rowCountMax === rowCountMax ? summary : undefined;
}

/** `812,000 records/s` */
function rateOf(rows: number): (seconds: number) => string {
  return (seconds) => `${count(Math.round(rows / seconds / 1000) * 1000)} records/s`;
}

function machine(): Summary['machine'] {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryBytes: totalmem(),
    node: process.version,
  };
}

function summaryFile({ folder }: Pick<RunOptions, 'folder'>): string {
  return join(folder, 'summary.json');
}

function databaseFolder(folder: string): string {
  return join(folder, 'flights');
}

function levelFolder(folder: string): string {
  return join(folder, 'leveldb');
}
