/** How much of everything, at the small size (a test of the benchmark) and at the real one. */
import type { Size } from '../result.js';

export interface Sizes {
  /** Rows of table g. */
  readonly rows: number;
  /** Hot runs of each query: a multiple of the engines, so that each of them follows each other one equally often. */
  readonly rounds: number;
  /** Hot runs of a query that takes seconds. */
  readonly longRounds: number;
  /** Rounds of each selective filter, and what each takes at least (ms). */
  readonly filterRounds: number;
  readonly filterMs: number;
  /** Scale of TPC-H. */
  readonly scale: number;
  /** Rows on their way into JavaScript, and how often. */
  readonly boundaryRows: number;
  readonly boundaryRounds: number;
  /** Rows that point reads find, calls per round, what a round of reads takes at least (ms), and rounds. */
  readonly callRows: number;
  readonly calls: number;
  readonly readMs: number;
  readonly callRounds: number;
  /** Rows appended per round. */
  readonly appended: number;
  readonly appendRounds: number;
  /** Durable commits per round. */
  readonly commits: number;
  readonly commitRounds: number;
  /** Questions of the skewed workload. */
  readonly skewed: number;
  /** The range of ts that query 11 asks for. */
  readonly range: { readonly from: string; readonly to: string };
}

export const sizes: Readonly<Record<Size, Sizes>> = {
  small: {
    rows: 100_000,
    rounds: 2,
    longRounds: 1,
    filterRounds: 3,
    filterMs: 1,
    scale: 0.01,
    boundaryRows: 20_000,
    boundaryRounds: 2,
    callRows: 10_000,
    calls: 200,
    readMs: 1,
    callRounds: 2,
    appended: 50_000,
    appendRounds: 2,
    commits: 32,
    commitRounds: 2,
    skewed: 20,
    range: { from: '2026-01-01 06:00:00', to: '2026-01-01 12:00:00' },
  },
  real: {
    rows: 10_000_000,
    rounds: 8,
    longRounds: 3,
    filterRounds: 7,
    filterMs: 50,
    scale: 1,
    boundaryRows: 1_000_000,
    boundaryRounds: 7,
    callRows: 1_000_000,
    calls: 2_000,
    readMs: 100,
    callRounds: 9,
    appended: 1_000_000,
    appendRounds: 5,
    commits: 800,
    commitRounds: 12,
    skewed: 200,
    range: { from: '2026-02-01 00:00:00', to: '2026-02-08 00:00:00' },
  },
};
