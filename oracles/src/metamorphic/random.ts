/** Chance from a seed, so that every run can be had again. */

/** A source of chance; the same seed gives the same stream. */
export interface Random {
  /** An integer in 0..`bound`-1; `bound` from 1 to 2^32. */
  below(bound: number): number;
  /** True once in `n` times. */
  oneIn(n: number): boolean;
  /** One of `items`. @throws RangeError when there is none */
  pick<T>(items: readonly T[]): T;
}

/** Mulberry32, by Tommy Ettinger. @param seed a 32-bit integer */
export function seeded(seed: number): Random {
  let state = seed | 0;
  const below = (bound: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word ^= word + Math.imul(word ^ (word >>> 7), 61 | word);
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick(items) {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[below(items.length)] as (typeof items)[number];
    },
  };
}
