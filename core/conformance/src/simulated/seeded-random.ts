/**
 * A random source that repeats from its seed.
 *
 * Source: sfc32 by Chris Doty-Humphrey (PractRand); twelve rounds mix the seed in, as its author advises.
 */
import type { Random } from '@varve/interfaces';

/** A random source that tells its seed and draws what tests need. */
export interface SeededRandom extends Random {
  readonly seed: number;
  /** Uniform integer in 0..count-1; `count` is 1 to 2^32. */
  below(count: number): number;
  /** True once in `count` draws on average. */
  oneIn(count: number): boolean;
  /** One of the items, all alike. */
  pick<T>(items: readonly T[]): T;
  /** New random bytes; the caller owns them. */
  bytes(byteCount: number): Uint8Array;
}

/** Creates a random source. @param seed integer, 0 to 2^32-1 */
export function createSeededRandom(seed: number): SeededRandom {
  let a = 0;
  let b = seed | 0;
  let c = 0;
  let counter = 1;
  const uint32 = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round += 1) uint32();
  const fill = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = uint32();
  };
  // The product is below 2^64: the slight loss of its low bits favours no result by more than 2^-21.
  const below = (count: number): number => Math.floor((uint32() / 2 ** 32) * count);
  return {
    seed,
    uint32,
    fill,
    below,
    oneIn: (count) => below(count) === 0,
    pick<T>(items: readonly T[]): T {
      const at = below(items.length);
      if (!(at in items)) throw new RangeError('nothing to pick from');
      return items[at] as T;
    },
    bytes(byteCount) {
      const bytes = new Uint8Array(byteCount);
      fill(bytes);
      return bytes;
    },
  };
}

/**
 * Runs `body` once per seed and names the seed of a failure.
 *
 * The environment variable `VARVE_SEED` replaces all seeds by one, to repeat what failed.
 *
 * @param runs how many seeds, from 1 on
 */
export async function forSeeds(runs: number, body: (random: SeededRandom) => Promise<void>): Promise<void> {
  const only = process.env['VARVE_SEED'];
  const seeds = only === undefined ? Array.from({ length: runs }, (_, run) => run + 1) : [Number(only)];
  for (const seed of seeds) {
    try {
      await body(createSeededRandom(seed));
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`with VARVE_SEED=${seed}: ${what}`, { cause });
    }
  }
}
