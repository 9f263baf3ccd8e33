/** Example questions that a person might ask of the flights, and what the store says. */
import { createPacked } from '@varve/embedded';
import { decodeFlightKey, firstKeyOf, minuteOf, showMinute } from '../flights/flight-key.js';
import { delayOf, distanceOf, recordBytes } from '../flights/flight-record.js';
import type { Flights } from '../flights/flights.js';
import { drawExisting } from './questions.js';
import type { FlightDatabase } from './subjects.js';
import type { Answers } from './summary.js';

const batchSize = 1000;
/** Departures of one hour at most. */
const rangeEntriesMax = 10_000;

/** Asks for one departure, for one hour, and for a thousand departures at once. */
export function askExamples(db: FlightDatabase, flights: Flights): Answers {
  return { point: askPoint(db, flights), range: askRange(db, flights), batch: askBatch(db, flights) };
}

/** A departure in the middle of the data. */
function askPoint(db: FlightDatabase, flights: Flights): Answers['point'] {
  const key = flights.keys[Math.floor(flights.count / 2)] ?? 0n;
  const record = new Uint8Array(recordBytes);
  if (db.getInto(key, record) !== recordBytes) throw new Error(`departure ${key} is missing`);
  const { minute, origin, destination } = decodeFlightKey(key);
  return {
    flight: `${showMinute(minute)} ${origin} → ${destination}`,
    delay: delayOf(record),
    distance: distanceOf(record),
  };
}

/** A Friday evening when the data have it, else the last hour. */
function askRange(db: FlightDatabase, flights: Flights): Answers['range'] {
  const friday = minuteOf('2001-03-09T17:00');
  const last = Number((flights.keys[flights.count - 1] ?? 0n) >> 32n);
  const from = friday + 60 <= last ? friday : last - 59;
  const out = createPacked({ byteCount: rangeEntriesMax * recordBytes, endCount: rangeEntriesMax });
  db.scanPacked({ gte: firstKeyOf(from), lt: firstKeyOf(from + 60), fields: 'values' }, out);
  return {
    from: showMinute(from),
    to: showMinute(from + 60),
    departures: out.count,
    meanDelay: meanDelay(out.bytes, out.count),
  };
}

function askBatch(db: FlightDatabase, flights: Flights): Answers['batch'] {
  const { keys } = drawExisting(flights, batchSize, 3);
  const out = createPacked({ byteCount: batchSize * recordBytes, endCount: batchSize });
  db.getManyPacked(keys, undefined, out);
  return { asked: batchSize, found: out.found, meanDelay: meanDelay(out.bytes, out.found) };
}

function meanDelay(records: Uint8Array, count: number): number {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += delayOf(records, at * recordBytes);
  return count === 0 ? 0 : sum / count;
}
