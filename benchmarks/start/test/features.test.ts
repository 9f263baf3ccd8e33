/** The features of the delay model against the simplest correct computation of the same averages. */
import { expect, it } from 'vitest';
import { clampDelay, DelayFeatures, featureNames, minutesAloft } from '../src/delay-model/features.js';
import { destinationOf, originOf } from '../src/flights/flight-key.js';
import { recordBytes, writeRecord } from '../src/flights/flight-record.js';
import type { Flights } from '../src/flights/flights.js';
import { readFlights } from '../src/flights/parquet.js';

/** Departure `at` of the columns. */
function row({ keys, delays, distances }: Flights, at: number) {
  const key = keys[at] ?? 0n;
  return {
    minute: Number(key >> 32n),
    route: Number(key & 0xffff_ffffn),
    delay: delays[at] ?? 0,
    distance: distances[at] ?? 0,
  };
}

it('average what has landed, and nothing from the future', async () => {
  const flights = await readFlights(4000, () => {});
  const walk = new DelayFeatures();
  const record = new Uint8Array(recordBytes);
  const out = new Float32Array(featureNames.length);
  const rows = Array.from({ length: flights.count }, (_, at) => row(flights, at));
  for (const [at, { minute, route, delay, distance }] of rows.entries()) {
    writeRecord(record, 0, delay, distance);
    walk.next(minute, route, record, 0, out);
    if (at % 97 !== 0) continue;
    const landed = rows
      .slice(0, at)
      .map((other) => ({ ...other, age: minute - other.minute - minutesAloft(other.distance) }))
      .filter(({ age }) => age >= 0);
    const mean = (halfLife: number, prior: number, matches: (route: number) => boolean) => {
      let [sum, weight] = [0, prior];
      for (const other of landed) {
        if (!matches(other.route)) continue;
        const share = 0.5 ** (other.age / halfLife);
        sum += share * clampDelay(other.delay);
        weight += share;
      }
      return sum / weight;
    };
    const [origin, destination] = [originOf(route), destinationOf(route)];
    const expected = [
      minute % 1440,
      (new Date(minute * 60_000).getUTCDay() + 6) % 7,
      distance,
      mean(60, 2, (other) => originOf(other) === origin),
      mean(60, 2, (other) => destinationOf(other) === origin),
      mean(60, 2, (other) => originOf(other) === destination),
      mean(60, 2, (other) => destinationOf(other) === destination),
      mean(14 * 1440, 20, (other) => originOf(other) === origin),
      mean(14 * 1440, 20, (other) => destinationOf(other) === destination),
      mean(60, 2, () => true),
    ];
    for (const [feature, value] of expected.entries())
      expect(out[feature], `${featureNames[feature]} of row ${at}`).toBeCloseTo(value, 3);
  }
});
