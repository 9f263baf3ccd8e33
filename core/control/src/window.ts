/**
 * A window: what happened between two readings of a plant's counters.
 *
 * A window closes by samples, not by time, so that a quiet store is not judged on noise.
 */
import type { CostWeights, Observation, SegmentObservation } from '@varve/interfaces';

/** The readings of one window. Times in ns. */
export interface Window {
  readonly lookups: number;
  readonly sampledLookups: number;
  readonly nsMean: number;
  readonly nsDeviation: number;
  /** Share, 0..1, of sampled read time that went into the delta. */
  readonly deltaShare: number;
  /** Lines of keys compared per lookup, over what the builds counted; 1 means as built. */
  readonly linesRatio: number;
  /** Lines of keys compared per lookup, in all segments that it reached. */
  readonly linesPerLookup: number;
  readonly indexBytesPerKey: number;
  readonly mergeCount: number;
}

/**
 * Takes the difference of two readings.
 *
 * @returns undefined when fewer than `samplesMin` lookups were sampled between them
 */
export function windowBetween(
  before: Observation,
  after: Observation,
  samplesMin: number,
): Window | undefined {
  const sampledLookups = after.sampledLookups - before.sampledLookups;
  if (sampledLookups < samplesMin) return undefined;
  const ns = after.sampledNs - before.sampledNs;
  const nsMean = ns / sampledLookups;
  const meanOfSquares = (after.sampledNsSquared - before.sampledNsSquared) / sampledLookups;
  return {
    lookups: after.lookups - before.lookups,
    sampledLookups,
    nsMean,
    nsDeviation: Math.sqrt(Math.max(0, meanOfSquares - nsMean ** 2)),
    deltaShare: ns > 0 ? (after.sampledDeltaNs - before.sampledDeltaNs) / ns : 0,
    ...linesBetween(before.segments, after.segments, sampledLookups),
    indexBytesPerKey: indexBytesPerKey(after.segments),
    mergeCount: after.mergeCount,
  };
}

/** The cost J = α·latency + β·bytes + γ·variance + δ·lines, the variance as a standard deviation. */
export function costOf(window: Window, weights: CostWeights): number {
  return (
    weights.latency * window.nsMean +
    weights.bytes * window.indexBytesPerKey +
    weights.variance * window.nsDeviation +
    weights.lines * window.linesPerLookup
  );
}

/** Lines compared over lines expected, each segment weighing as much as it was asked; 1 when nothing was sampled. */
function linesBetween(
  before: readonly SegmentObservation[],
  after: readonly SegmentObservation[],
  sampledLookups: number,
): Pick<Window, 'linesRatio' | 'linesPerLookup'> {
  const earlier = new Map(before.map((segment) => [segment.id, segment]));
  let compared = 0;
  let expected = 0;
  for (const segment of after) {
    const lookups = segment.sampledLookups - (earlier.get(segment.id)?.sampledLookups ?? 0);
    compared += segment.sampledLines - (earlier.get(segment.id)?.sampledLines ?? 0);
    expected += lookups * segment.linesPerLookupAtBuild;
  }
  return { linesRatio: expected > 0 ? compared / expected : 1, linesPerLookup: compared / sampledLookups };
}

function indexBytesPerKey(segments: readonly SegmentObservation[]): number {
  const keyCount = segments.reduce((sum, segment) => sum + segment.keyCount, 0);
  const bytes = segments.reduce((sum, segment) => sum + segment.indexBytes, 0);
  return keyCount > 0 ? bytes / keyCount : 0;
}
