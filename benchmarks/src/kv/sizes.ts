/** How much of everything, at the small size (a test of the benchmark) and at the real one. */
import type { Size } from '../result.js';

export interface Sizes {
  readonly records: number;
  /** Records of the full scan. */
  readonly scanned: number;
  readonly rounds: number;
  /** Point reads per round. */
  readonly reads: number;
  /** Records written per round of unsynced batches. */
  readonly written: number;
  /** Synced puts per round, at most. */
  readonly synced: number;
  /** Operations per YCSB mix and round. */
  readonly operations: number;
  /** Records of the file that is larger than memory; `limited` when memory is to be limited, not only emptied. */
  readonly larger: { readonly records: number; readonly limited: boolean };
}

export const sizes: Readonly<Record<Size, Sizes>> = {
  small: {
    records: 20_000,
    scanned: 20_000,
    rounds: 3,
    reads: 10_000,
    written: 20_000,
    synced: 500,
    operations: 2_000,
    larger: { records: 60_000, limited: false },
  },
  real: {
    records: 1_000_000,
    scanned: 10_000_000,
    rounds: 7,
    reads: 200_000,
    written: 500_000,
    synced: 50_000,
    operations: 100_000,
    larger: { records: 2_500_000, limited: true },
  },
};
