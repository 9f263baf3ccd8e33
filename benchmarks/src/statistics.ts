/** Order statistics of measurements. */
import type { Value } from './result.js';

/**
 * Median and spread of repeated measurements.
 *
 * @param samples at least one, any order
 */
export function summarise(samples: readonly number[]): Value {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    iqr: quantile(sorted, 0.75) - quantile(sorted, 0.25),
    n: sorted.length,
  };
}

/** A figure that is counted, not timed. */
export const exact = (value: number): Value => ({ median: value, iqr: 0, n: 1 });

/**
 * The value below which a share of the samples lies, by linear interpolation.
 *
 * @param sorted ascending, at least one
 * @param share 0 to 1
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) throw new RangeError('a quantile needs at least one sample');
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}
