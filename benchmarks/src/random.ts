/** A seeded generator: xoshiro128** by Blackman and Vigna, whose stream depends on the seed alone. */
export interface Random {
  /** Uniform integer in 0..2^32-1. */
  next(): number;
  /** Uniform integer in 0..`bound`-1; `bound` at most 2^32. */
  below(bound: number): number;
  /** Uniform in [0, 1). */
  unit(): number;
  /** Fills `bytes` with random bytes. */
  fill(bytes: Uint8Array): void;
}

/** @param seed any 32-bit integer; the same seed gives the same stream */
export function createRandom(seed: number): Random {
  const state = new Uint32Array(4);
  let mix = seed >>> 0;
  for (let i = 0; i < 4; i++) {
    // SplitMix32 spreads the seed, so that close seeds give unrelated streams.
    mix = (mix + 0x9e3779b9) >>> 0;
    let word = Math.imul(mix ^ (mix >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    state[i] = word ^ (word >>> 15);
  }
  let [a = 1, b = 2, c = 3, d = 4] = state;
  const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
  return {
    next,
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
    unit: () => next() / 2 ** 32,
    fill(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      let at = 0;
      for (; at + 4 <= bytes.length; at += 4) view.setUint32(at, next(), true);
      for (; at < bytes.length; at++) bytes[at] = next();
    },
  };
}
