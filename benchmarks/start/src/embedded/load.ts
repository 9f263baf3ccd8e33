/** Fills the stores with the departures, and reads them back. */
import { createPacked, type PackedOperation } from '@varve/embedded';
import { delayOf, distanceOf, recordBytes, writeRecord } from '../flights/flight-record.js';
import type { Flights } from '../flights/flights.js';
import { keyBuffer } from './questions.js';
import type { FlightDatabase, LevelDatabase } from './subjects.js';

type OnProgress = (done: number, total: number) => void;

/** Departures per commit. */
const commitRows = 5_000;
/** Commits under way at a time: they share syncs. */
const commitsInFlight = 4;

/** Writes every departure; each commit is synced to disk before it counts as done. */
export async function loadVarve(db: FlightDatabase, flights: Flights, onProgress: OnProgress): Promise<void> {
  const waiting: Promise<unknown>[] = [];
  for (let start = 0; start < flights.count; start += commitRows) {
    const end = Math.min(flights.count, start + commitRows);
    waiting.push(db.commit(putsOf(flights, start, end)));
    if (waiting.length >= commitsInFlight) await waiting.shift();
    onProgress(end, flights.count);
  }
  await Promise.all(waiting);
}

function* putsOf(flights: Flights, start: number, end: number): Generator<PackedOperation> {
  const value = new Uint8Array(recordBytes);
  for (let at = start; at < end; at++) {
    writeRecord(value, 0, flights.delays[at] ?? 0, flights.distances[at] ?? 0);
    yield { type: 'put', key: flights.keys[at] ?? 0n, value };
  }
}

/** Writes every departure in batches of the same size, and compacts. LevelDB does not sync unless it is asked to. */
export async function loadLevel(db: LevelDatabase, flights: Flights, onProgress: OnProgress): Promise<void> {
  for (let start = 0; start < flights.count; start += commitRows) {
    const end = Math.min(flights.count, start + commitRows);
    const batch = db.batch();
    for (let at = start; at < end; at++) {
      const value = Buffer.alloc(recordBytes);
      writeRecord(value, 0, flights.delays[at] ?? 0, flights.distances[at] ?? 0);
      batch.put(keyBuffer(flights.keys[at] ?? 0n), value);
    }
    await batch.write();
    onProgress(end, flights.count);
  }
  await db.compactRange(Buffer.alloc(8), Buffer.alloc(8, 0xff));
}

const chunkEntries = 20_000;
const entryBytes = 8 + recordBytes;

/** A stretch of departures in key order, as they lie in the store. */
export interface Stretch {
  readonly count: number;
  /** Key and record of each, 12 bytes; overwritten by the next stretch. */
  readonly bytes: Uint8Array;
}

/** Walks through the whole store with packed scans. */
export function* scanStretches(db: FlightDatabase): Generator<Stretch> {
  const out = createPacked({ byteCount: chunkEntries * entryBytes, endCount: 2 * chunkEntries });
  const scan = db.openScan({});
  try {
    do {
      scan.next(out);
      if (out.byteCount !== out.count * entryBytes) throw new Error('an entry has an unexpected size');
      yield { count: out.count, bytes: out.bytes };
    } while (!out.done);
  } finally {
    scan.close();
  }
}

/** Reads all departures back. @param count as many as the store holds */
export function readBack(db: FlightDatabase, count: number): Flights {
  const flights = {
    count,
    keys: new BigUint64Array(count),
    delays: new Int16Array(count),
    distances: new Uint16Array(count),
  };
  let row = 0;
  for (const { count: entries, bytes } of scanStretches(db)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = 0; at < entries; at++, row++) {
      flights.keys[row] = view.getBigUint64(at * entryBytes);
      flights.delays[row] = delayOf(bytes, at * entryBytes + 8);
      flights.distances[row] = distanceOf(bytes, at * entryBytes + 8);
    }
  }
  if (row !== count) throw new Error(`the store holds ${row} departures, not ${count}`);
  return flights;
}

/** Fails unless the store holds exactly these departures. */
export function checkLoaded(db: FlightDatabase, flights: Flights): void {
  const stored = readBack(db, flights.count);
  for (const column of ['keys', 'delays', 'distances'] as const) {
    const [left, right] = [stored[column], flights[column]];
    for (let at = 0; at < flights.count; at++)
      if (left[at] !== right[at]) throw new Error(`${column}[${at}] is ${left[at]}, not ${right[at]}`);
  }
}
