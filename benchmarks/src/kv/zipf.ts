/**
 * Zipfian ranks as YCSB draws them.
 *
 * Source: Gray et al., "Quickly Generating Billion-Record Synthetic Databases", SIGMOD 1994; constant 0.99 as in
 * YCSB's ZipfianGenerator.
 */
import type { Random } from '../random.js';

const theta = 0.99;

/** @returns a generator of ranks in 0..count-1; rank 0 is the most popular. Cost: O(count) once, then O(1). */
export function createZipf(count: number, random: Random): () => number {
  let zeta = 0;
  for (let rank = 1; rank <= count; rank++) zeta += rank ** -theta;
  const zeta2 = 1 + 2 ** -theta;
  const alpha = 1 / (1 - theta);
  const eta = (1 - (2 / count) ** (1 - theta)) / (1 - zeta2 / zeta);
  return () => {
    const u = random.unit();
    const uz = u * zeta;
    if (uz < 1) return 0;
    if (uz < zeta2) return 1;
    return Math.min(count - 1, Math.floor(count * (eta * u - eta + 1) ** alpha));
  };
}
