/**
 * The embedded tier's main job: load flights, fold them into learned segments, answer, score, and say what was
 * chosen and why.
 *
 * A run leaves the database and its summary in one folder; the next run finds both and only answers again. Anything
 * else in the folder is what an interrupted run or another build left, and it is emptied first: the data are at hand.
 */
import { rmSync, statSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { type ErrorCode, open, VarveError } from '@varve/embedded';
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
import { empty, owning, savedSummary, saveSummary } from './own-folder.js';
import { drawExisting, drawMissing } from './questions.js';
import { scoreDelays } from './score-delays.js';
import { type FlightDatabase, levelSubject, type Subject, varveSubject } from './subjects.js';
import { type Summary, summaryVersion } from './summary.js';

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
  /** What to delete for a new start. */
  readonly folder: string;
  /** Seconds that opening took, and fresh nanoseconds per point read, when the database was there. */
  readonly again?: { readonly openSeconds: number; readonly pointNs: number; readonly checked: number };
}

/** Largest answer of one packed call, entries. */
const packedEntriesMax = Math.max(batchKeys, rangeEntries);

/** @throws VarveError STORE_LOCKED while another start works in the folder, and whatever a run can fail with */
export function runEmbedded(options: RunOptions): Promise<Outcome> {
  return owning(options.folder, async () => {
    const { folder, rowCountMax } = options;
    const saved = savedSummary(folder, rowCountMax);
    const again = saved === undefined ? undefined : await answerUnlessLost(options, saved);
    if (saved !== undefined && again !== undefined) return { summary: saved, folder, again };
    empty(folder);
    const summary = await runAnew(options);
    saveSummary(folder, summary);
    return { summary, folder };
  });
}

/** What the database of an earlier run is refused with when it is gone, damaged, or another build's. */
const lost: readonly ErrorCode[] = ['STORE_MISSING', 'STORE_DAMAGED', 'STORE_FOREIGN', 'STORE_NEWER_FORMAT'];

/** Answers from the database of an earlier run; undefined when there is none that can be read. */
async function answerUnlessLost(options: RunOptions, saved: Summary): Promise<Outcome['again']> {
  try {
    return await answerAgain(options, saved);
  } catch (error) {
    if (!(error instanceof VarveError && lost.includes(error.code))) throw error;
    console.error(
      `The database of an earlier run cannot be used (${error.code}: ${error.message}): it is gone, damaged, or of ` +
        'another build. It is made of data that are at hand, and filled again.',
    );
    return undefined;
  }
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
  const db = await openFlights(folder, { createIfMissing: false });
  const openSeconds = (performance.now() - start) / 1000;
  try {
    return { openSeconds, ...checkAgain(db, rows, questionCountOf(keysPerRound)) };
  } finally {
    await db.close();
  }
}

function checkAgain(
  db: FlightDatabase,
  rows: number,
  singleCalls: number,
): { readonly pointNs: number; readonly checked: number } {
  const flights = readBack(db, rows);
  const questions = drawExisting(flights, singleCalls, 4);
  const varve = varveSubject(db, packedEntriesMax);
  for (let at = 0; at < singleCalls; at++) {
    if (varve.point(questions, at) !== questions.delays[at])
      throw new Error(`question ${at} has a wrong answer`);
  }
  const timing = performance.now();
  for (let at = 0; at < singleCalls; at++) varve.point(questions, at);
  const pointNs = ((performance.now() - timing) * 1e6) / singleCalls;
  return { pointNs, checked: singleCalls };
}

function openFlights(
  folder: string,
  options: { readonly createIfMissing?: boolean } = {},
): Promise<FlightDatabase> {
  return open(databaseFolder(folder), { ...options, keyEncoding: 'view', valueEncoding: 'view' });
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

function databaseFolder(folder: string): string {
  return join(folder, 'flights');
}

function levelFolder(folder: string): string {
  return join(folder, 'leveldb');
}
