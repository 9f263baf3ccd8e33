/** What the engine chose for each segment, what it could have chosen, and how the learned index sees the keys. */
import type { IndexCurve, IndexPolicy, SegmentStats } from '@varve/embedded';
import type { Flights } from '../flights/flights.js';
import type { FlightDatabase } from './subjects.js';
import type { CurvePoint, Expectation, LearnedCurve, SegmentFigure } from './summary.js';

/** What is built and timed beside every live index. */
const rivals: readonly IndexPolicy[] = [
  { kind: 'line-probe' },
  { kind: 's-plus-tree' },
  { kind: 'sparse-fences' },
];
const expectationsMax = 4000;
const curvePoints = 400;

/** The segments, newest first, each with its candidates. @throws Error when an index answers wrongly */
export async function readChoices(db: FlightDatabase): Promise<SegmentFigure[]> {
  const trials = new Map((await db.tryIndexes(rivals)).map((trial) => [trial.segment, trial.candidates]));
  return db.stats().segments.map((segment) => {
    const candidates = trials.get(segment.id) ?? [];
    for (const { kind, wrongAnswers } of candidates)
      if (wrongAnswers > 0)
        throw new Error(`segment ${segment.id}: ${kind} answers wrongly ${wrongAnswers} times`);
    const live = candidates.find(({ isLive }) => isLive);
    // The live kind, built again, tells nothing new.
    const others = candidates.filter(
      (other) => other.isLive || other.kind !== live?.kind || other.errorBound !== live.errorBound,
    );
    return { ...figureOf(segment), candidates: others };
  });
}

function figureOf(segment: SegmentStats): Omit<SegmentFigure, 'candidates'> {
  return {
    id: segment.id,
    entryCount: segment.entryCount,
    blockCount: segment.blockCount,
    fileBytes: segment.fileBytes,
    filterBytes: segment.filterBytes,
    indexBytes: segment.indexBytes,
    indexKind: segment.indexKind,
    indexErrorBound: segment.indexErrorBound,
    hardness: segment.hardness,
    firstMinute: minuteIn(segment.keyMin),
    lastMinute: minuteIn(segment.keyMax),
  };
}

/** The learned index of the largest segment: the live one when it predicts, else one built beside it. */
export async function readLearnedCurve(db: FlightDatabase): Promise<LearnedCurve | undefined> {
  const live = largest(await db.indexCurves(expectationsMax));
  const isLive = live?.points[0]?.predicted !== undefined;
  const shown = isLive ? live : largest(await db.indexCurves(expectationsMax, { kind: 'line-probe' }));
  if (shown === undefined) return undefined;
  const expectations = shown.points.flatMap(({ key, position, predicted }): Expectation[] =>
    predicted === undefined ? [] : [{ minute: minuteIn(key), position, predicted }],
  );
  if (expectations.length === 0) return undefined;
  const { segment, kind, errorBound, separatorCount } = shown;
  const entryCount = db.stats().segments.find(({ id }) => id === segment)?.entryCount ?? 0;
  return { kind, errorBound, isLive, entryCount, separatorCount, expectations };
}

function largest(curves: readonly IndexCurve[]): IndexCurve | undefined {
  return curves.toSorted((a, b) => b.separatorCount - a.separatorCount)[0];
}

/** Departures before each of evenly spread moments. */
export function readCurve({ keys, count }: Flights): CurvePoint[] {
  const step = Math.max(1, Math.floor(count / curvePoints));
  return Array.from({ length: Math.ceil(count / step) }, (_, at) => ({
    minute: Number((keys[at * step] ?? 0n) >> 32n),
    position: at * step,
  }));
}

/** The time in a key, or in the beginning of one: separators are as short as they can be. */
function minuteIn(key: Uint8Array): number {
  return ((key[0] ?? 0) << 24) | ((key[1] ?? 0) << 16) | ((key[2] ?? 0) << 8) | (key[3] ?? 0);
}
