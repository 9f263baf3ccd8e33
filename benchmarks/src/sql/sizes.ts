/** How much of everything, at the small size (a test of the benchmark) and at the real one. */
import type { Size } from '../result.js';

export interface Sizes {
  /** Rows of table g. */
  readonly rows: number;
  /** Hot runs of each query. */
  readonly rounds: number;
  /** Scale of TPC-H. */
  readonly scale: number;
  /** The range of ts that query 11 asks for. */
  readonly range: { readonly from: string; readonly to: string };
}

export const sizes: Readonly<Record<Size, Sizes>> = {
  small: {
    rows: 100_000,
    rounds: 2,
    scale: 0.01,
    range: { from: '2026-01-01 06:00:00', to: '2026-01-01 12:00:00' },
  },
  real: {
    rows: 10_000_000,
    rounds: 3,
    scale: 1,
    range: { from: '2026-02-01 00:00:00', to: '2026-02-08 00:00:00' },
  },
};
