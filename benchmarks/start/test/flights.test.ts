/** The flights' keys and records: order, round trip, and the columns of the real file. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  airportName,
  airportNumber,
  decodeFlightKey,
  encodeFlightKey,
  type FlightKey,
  firstKeyOf,
  minuteOf,
  showMinute,
} from '../src/flights/flight-key.js';
import { delayOf, distanceOf, recordBytes, writeRecord } from '../src/flights/flight-record.js';
import { orderFlights } from '../src/flights/flights.js';
import { readFlights } from '../src/flights/parquet.js';

const airport = fc.string({
  unit: fc.constantFrom('A', 'B', 'M', 'Y', 'Z'),
  minLength: 3,
  maxLength: 3,
});
const flight = fc.record({
  minute: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  origin: airport,
  destination: airport,
  twin: fc.integer({ min: 0, max: 3 }),
});

describe('flight keys', () => {
  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(flight, (key) => {
        expect(decodeFlightKey(encodeFlightKey(key))).toEqual(key);
      }),
    );
  });

  it('order by time, then origin, destination and twin', () => {
    const text = ({ minute, origin, destination, twin }: FlightKey) =>
      `${String(minute).padStart(10, '0')} ${origin} ${destination} ${twin}`;
    fc.assert(
      fc.property(flight, flight, (a, b) => {
        expect(encodeFlightKey(a) < encodeFlightKey(b)).toBe(text(a) < text(b));
      }),
    );
  });

  it('bound the minutes', () => {
    const key = encodeFlightKey({ minute: 7, origin: 'AAA', destination: 'ZZZ', twin: 3 });
    expect(key >= firstKeyOf(7) && key < firstKeyOf(8)).toBe(true);
    expect(showMinute(minuteOf('2001-03-09T17:30'))).toBe('2001-03-09 17:30');
  });

  it('take capital letters only', () => {
    expect(airportName(airportNumber('SEA'))).toBe('SEA');
    for (const code of ['SE', 'SEAT', 'sea', 'S1A', ''])
      expect(() => airportNumber(code)).toThrow(RangeError);
  });
});

it('records keep delays and distances', () => {
  const bytes = new Uint8Array(recordBytes + 1);
  for (const [delay, distance] of [
    [0, 0],
    [-1116, 21],
    [1688, 4962],
    [-32768, 65535],
  ] as const) {
    writeRecord(bytes, 1, delay, distance);
    expect([delayOf(bytes, 1), distanceOf(bytes, 1)]).toEqual([delay, distance]);
  }
});

describe('orderFlights', () => {
  const columns = (minutes: number[], routes: number[]) => ({
    minutes: Uint32Array.from(minutes),
    routes: Uint32Array.from(routes),
    delays: Int16Array.from(minutes, (_, at) => at),
    distances: Uint16Array.from(minutes, (_, at) => 100 + at),
  });

  it('sorts within a minute and tells twins apart, the rest of the row with them', () => {
    const { keys, delays } = orderFlights(columns([5, 5, 5, 6], [8, 4, 8, 0]));
    expect([...keys]).toEqual([
      5n * 2n ** 32n + 4n,
      5n * 2n ** 32n + 8n,
      5n * 2n ** 32n + 9n,
      6n * 2n ** 32n,
    ]);
    expect([...delays]).toEqual([1, 0, 2, 3]);
  });

  it('refuses what the key cannot hold', () => {
    expect(() => orderFlights(columns([5, 5, 5, 5, 5], [4, 4, 4, 4, 4]))).toThrow(/more than 4 departures/);
    expect(() => orderFlights(columns([6, 5], [4, 4]))).toThrow(/descend/);
  });
});

it('reads the real file', async () => {
  const { count, keys, delays, distances } = await readFlights(5000, () => {});
  expect(count).toBe(5000);
  // The first minute of the file has five departures; this one comes first in the alphabet.
  expect(decodeFlightKey(keys[0] ?? 0n)).toEqual({
    minute: minuteOf('2001-01-01T00:01'),
    origin: 'ANC',
    destination: 'LAX',
    twin: 0,
  });
  expect([delays[0], distances[0]]).toEqual([-13, 2345]);
  expect(keys.every((key, at) => at === 0 || key > (keys[at - 1] ?? 0n))).toBe(true);
});
