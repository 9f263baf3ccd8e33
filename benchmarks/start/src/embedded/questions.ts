/** The keys that both stores are asked for, drawn from the departures; the same in every run. */
import type { Flights } from '../flights/flights.js';

/** Keys to look up, in the forms that each call takes; all prepared before the clock starts. */
export interface Questions {
  readonly keys: BigUint64Array;
  /** The same, as the 8 bytes that are stored. */
  readonly buffers: readonly Buffer[];
  /** What each answer must be: the delay; undefined for keys that do not exist. */
  readonly delays: readonly (number | undefined)[];
}

/** Draws keys that exist, evenly over all departures. */
export function drawExisting(flights: Flights, count: number, seed: number): Questions {
  const places = draw(flights.count, count, seed);
  return questionsOf(
    places.map((at) => flights.keys[at] ?? 0n),
    places.map((at) => flights.delays[at]),
  );
}

/** Draws keys that lie between existing ones: a fourth departure on one route in one minute never happened. */
export function drawMissing(flights: Flights, count: number, seed: number): Questions {
  const places = draw(flights.count, count, seed);
  return questionsOf(
    places.map((at) => (flights.keys[at] ?? 0n) | 3n),
    places.map(() => undefined),
  );
}

function questionsOf(keys: bigint[], delays: (number | undefined)[]): Questions {
  return { keys: BigUint64Array.from(keys), buffers: keys.map(keyBuffer), delays };
}

/** The 8 bytes of a key. */
export function keyBuffer(key: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(key);
  return buffer;
}

/** Numbers below `bound`, by SplitMix32. */
function draw(bound: number, count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return Math.floor(((mixed >>> 0) / 2 ** 32) * bound);
  });
}
