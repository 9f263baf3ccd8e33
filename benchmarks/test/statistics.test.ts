import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exact, quantile, summarise } from '../src/statistics.js';

describe('summarise', () => {
  const rows: readonly (readonly [number[], number, number])[] = [
    [[5], 5, 0],
    [[3, 1, 2], 2, 1],
    [[4, 1, 3, 2], 2.5, 1.5],
    [[100, 1, 1, 1, 1], 1, 0],
  ];
  for (const [samples, median, iqr] of rows) {
    it(`[${samples.join(', ')}] has median ${median} and quartile distance ${iqr}`, () => {
      expect(summarise(samples)).toEqual({ median, iqr, n: samples.length });
    });
  }

  it('does not change its argument', () => {
    const samples = [3, 1, 2];
    summarise(samples);
    expect(samples).toEqual([3, 1, 2]);
  });

  it('gives a counted figure no spread', () => {
    expect(exact(7)).toEqual({ median: 7, iqr: 0, n: 1 });
  });
});

describe('quantile', () => {
  it('lies between the samples around it, and grows with the share', () => {
    const list = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(list, share, share, (samples, a, b) => {
        const sorted = samples.toSorted((x, y) => x - y);
        const [low, high] = [quantile(sorted, Math.min(a, b)), quantile(sorted, Math.max(a, b))];
        return low <= high + 1e-6 && low >= (sorted[0] ?? 0) - 1e-6 && high <= (sorted.at(-1) ?? 0) + 1e-6;
      }),
    );
  });

  it('refuses no samples', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});
