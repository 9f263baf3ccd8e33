/**
 * The data of suite `kv`: 16-byte keys `user` + 12 decimal digits, as YCSB names its users, and random values.
 *
 * Everything follows from an index and the seed, so no list of records is kept.
 */
import { createRandom } from '../random.js';

export const keyBytes = 16;
export const valueBytes = 100;

export interface Records {
  readonly count: number;
  /** Writes key `index` to `bytes[at..at + 16]`; indexes from `count` on name keys that are not loaded. */
  writeKey(index: number, bytes: Uint8Array, at: number): void;
  /** A fresh copy of key `index`. */
  key(index: number): Buffer;
  /** The loaded indexes in key order; shape [count]. Cost: a sort. */
  ascending(): Uint32Array;
  /** A view of value `index`, as it was loaded or, with a later `version`, as an update left it. */
  value(index: number, version?: number): Buffer;
}

export interface RecordOptions {
  readonly count: number;
  readonly seed: number;
  /** Ascending keys in load order; scattered ones by default. */
  readonly ascending?: boolean;
  /** Values that a block compressor halves, as LevelDB's db_bench makes them; incompressible by default. */
  readonly compressible?: boolean;
}

const half = 1_000_000;
const space = half * half;

export function createRecords({
  count,
  seed,
  ascending = false,
  compressible = false,
}: RecordOptions): Records {
  const pool = createPool(seed, compressible);
  const slots = compressible ? pool.length / valueBytes : pool.length - valueBytes;
  const stride = compressible ? valueBytes : 1;
  // Twice the records, so that absent keys lie among the present ones.
  const gap = Math.floor(space / Math.max(2 * count, 1));
  const number = ascending
    ? (index: number) =>
        index < count ? 2 * index * gap + (mix(index, seed) % gap) : (2 * (index - count) + 1) * gap
    : (index: number) => scatter(index, seed);
  const writeKey = (index: number, bytes: Uint8Array, at: number): void => {
    bytes[at] = 0x75;
    bytes[at + 1] = 0x73;
    bytes[at + 2] = 0x65;
    bytes[at + 3] = 0x72;
    let rest = number(index);
    for (let digit = at + keyBytes - 1; digit >= at + 4; digit--) {
      const next = Math.floor(rest / 10);
      bytes[digit] = 0x30 + (rest - next * 10);
      rest = next;
    }
  };
  return {
    count,
    writeKey,
    key(index) {
      const key = Buffer.allocUnsafe(keyBytes);
      writeKey(index, key, 0);
      return key;
    },
    ascending() {
      const numbers = Float64Array.from({ length: count }, (_, index) => number(index));
      const indexes = Uint32Array.from({ length: count }, (_, index) => index);
      return indexes.sort((a, b) => (numbers[a] ?? 0) - (numbers[b] ?? 0));
    },
    value(index, version = 0) {
      const at = (mix(index, seed + 1 + version) % slots) * stride;
      return pool.subarray(at, at + valueBytes);
    },
  };
}

/** 32 well-mixed bits of an index. */
export function mix(index: number, seed: number): number {
  let word = Math.imul(index ^ (index >>> 16) ^ Math.imul(seed + 1, 0x9e3779b1), 0x21f0aaad);
  word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
  return (word ^ (word >>> 15)) >>> 0;
}

/** A permutation of 0..10^12-1 (four Feistel rounds over two halves), so that scattered keys never collide. */
function scatter(index: number, seed: number): number {
  let left = Math.floor(index / half);
  let right = index % half;
  for (let round = 0; round < 4; round++) {
    const next = (left + (mix(right, seed + round) % half)) % half;
    left = right;
    right = next;
  }
  return left * half + right;
}

/** 4 MB that values are cut from. */
function createPool(seed: number, compressible: boolean): Buffer {
  const pool = Buffer.allocUnsafe(4_000_000);
  createRandom(seed).fill(pool);
  if (compressible) {
    for (let at = 0; at < pool.length; at += valueBytes) {
      pool.copyWithin(at + valueBytes / 2, at, at + valueBytes / 2);
    }
  }
  return pool;
}
