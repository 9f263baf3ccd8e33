/**
 * The three signals that a store's index may no longer fit its work: drift, delta share, hardness.
 *
 * Immutable data cannot drift; what can is the workload, the share of reads that the delta takes, and how hard
 * newly written keys are to model. Thresholds: research note "Learned indexes", section 9, after BOURBON (OSDI 2020).
 */
import type { Evidence, SegmentObservation } from '@varve/interfaces';
import type { Window } from './window.js';

/** When a signal fires. */
export interface Thresholds {
  /** Lines walked over lines expected. */
  readonly driftRatio: number;
  /** Windows in a row that must exceed it. */
  readonly driftWindows: number;
  /** Share of read time, 0..1. */
  readonly deltaShare: number;
  /** Model segments per million keys: above `hard` data is hard, below `easy` it is easy again. */
  readonly hardness: { readonly hard: number; readonly easy: number };
}

/** The thresholds unless a store is given others. */
export const defaultThresholds: Thresholds = {
  driftRatio: 1.5,
  driftWindows: 3,
  deltaShare: 0.2,
  hardness: { hard: 29_000, easy: 15_000 },
};

/** Weight of the newest segment in the moving average of hardness. */
const hardnessWeight = 0.3;

/** Readings kept as evidence. */
const historyLength = 8;

/** Watches windows and tells when one of the signals fires. */
export class Signals {
  readonly #thresholds: Thresholds;
  readonly #ratios: number[] = [];
  readonly #shares: number[] = [];
  readonly #averages: number[] = [];
  readonly #seenSegments = new Set<number>();
  #isHard = false;

  constructor(thresholds: Thresholds) {
    this.#thresholds = thresholds;
  }

  /**
   * Takes in one window.
   *
   * @returns the evidence of the first signal that fires, the cheapest remedy first: a merge before a rebuild
   */
  update(window: Window, segments: readonly SegmentObservation[]): Evidence | undefined {
    remember(this.#ratios, window.linesRatio);
    remember(this.#shares, window.deltaShare);
    const crossed = this.#updateHardness(segments);
    return this.#delta() ?? this.#drift() ?? crossed;
  }

  /** Forgets the readings that an action has made stale; what is known of the data's hardness stays. */
  forgetReadings(): void {
    this.#ratios.length = 0;
    this.#shares.length = 0;
  }

  #delta(): Evidence | undefined {
    const value = this.#shares.at(-1) ?? 0;
    const threshold = this.#thresholds.deltaShare;
    return value > threshold
      ? { signal: 'delta-share', value, threshold, history: [...this.#shares] }
      : undefined;
  }

  #drift(): Evidence | undefined {
    const { driftRatio: threshold, driftWindows } = this.#thresholds;
    const latest = this.#ratios.slice(-driftWindows);
    const drifted = latest.length === driftWindows && latest.every((ratio) => ratio > threshold);
    return drifted
      ? { signal: 'drift', value: latest.at(-1) ?? 0, threshold, history: [...this.#ratios] }
      : undefined;
  }

  /** Averages the hardness of segments not seen before; fires only when it crosses into the other state. */
  #updateHardness(segments: readonly SegmentObservation[]): Evidence | undefined {
    const fresh = segments.filter((segment) => !this.#seenSegments.has(segment.id));
    const { hard, easy } = this.#thresholds.hardness;
    this.#seenSegments.clear();
    for (const segment of segments) this.#seenSegments.add(segment.id);
    for (const segment of fresh) {
      const average = this.#averages.at(-1) ?? segment.hardness;
      remember(this.#averages, average + hardnessWeight * (segment.hardness - average));
    }
    const value = this.#averages.at(-1);
    const threshold = this.#isHard ? easy : hard;
    if (value === undefined || (this.#isHard ? value >= threshold : value <= threshold)) return undefined;
    this.#isHard = !this.#isHard;
    return { signal: 'hardness', value, threshold, history: [...this.#averages] };
  }
}

function remember(history: number[], value: number): void {
  history.push(value);
  if (history.length > historyLength) history.shift();
}
