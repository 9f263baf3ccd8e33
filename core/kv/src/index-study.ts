/** What a store tells about the indexes of its segments: rivals timed beside the live ones, and their curves. */
import {
  type IndexKind,
  type IndexPolicy,
  requireIndexPolicy,
  requireWhole,
  VarveError,
} from '@varve/interfaces';
import {
  type SegmentCurve as NativeCurve,
  type IndexPolicy as NativePolicy,
  type NativeStore,
  unwrap,
} from '@varve/native-embedded';

/** One index over the keys of a segment; every candidate answered the same questions. */
export interface IndexCandidate {
  /** `binary-search` is the plain search over all separators. */
  readonly kind: Exclude<IndexKind, 'auto'> | 'binary-search';
  /** In separators; 0 when exact. */
  readonly errorBound: number;
  /** The one that serves reads. */
  readonly isLive: boolean;
  readonly indexBytes: number;
  /** Median of five rounds. */
  readonly nsPerLookup: number;
  /** Mean lines of eight separators compared. */
  readonly linesPerLookup: number;
  /** Time of the build, choice and verification included; 0 for the live one. */
  readonly buildNs: number;
  /** Answers that differ from the live index's: always 0, or something is broken. */
  readonly wrongAnswers: number;
}

/** The candidates for one segment: the live index, the binary search, then one per policy in its order. */
export interface IndexTrial {
  /** The segment, as in `stats`. */
  readonly segment: number;
  readonly separatorCount: number;
  readonly candidates: readonly IndexCandidate[];
}

/** How the index of one segment maps keys to positions, at some of its separators in key order. */
export interface IndexCurve {
  readonly segment: number;
  readonly kind: IndexCandidate['kind'];
  /** In separators; 0 when exact. */
  readonly errorBound: number;
  readonly separatorCount: number;
  readonly points: readonly {
    readonly key: Uint8Array;
    readonly position: number;
    /** Where the model expects the key; absent when this kind predicts nothing. */
    readonly predicted?: number;
  }[];
}

/** Builds and times indexes of `policies` beside the live ones; what serves reads is not touched. */
export async function tryIndexes(
  store: NativeStore,
  policies: readonly IndexPolicy[],
): Promise<IndexTrial[]> {
  if (!Array.isArray(policies))
    throw new VarveError('ARGUMENT_INVALID', {
      message: 'the policies to try are not an array',
      hint: "tryIndexes([{ kind: 's-plus-tree' }])",
    });
  const trials = unwrap(await store.trial(policies.map(nativePolicy)));
  return trials.map(({ id, separators, candidates }) => ({
    segment: id,
    separatorCount: separators,
    candidates: candidates.map(({ policy: _, kind, ...rest }) => ({ kind: kindOf(kind), ...rest })),
  }));
}

/** At most `pointCountMax` separators per segment, beside what the live model or that of `policy` expects. */
export async function readCurves(
  store: NativeStore,
  pointCountMax: number,
  policy?: IndexPolicy,
): Promise<IndexCurve[]> {
  requireWhole(pointCountMax, 'the number of points', 2 ** 32 - 1);
  const native = policy === undefined ? undefined : nativePolicy(policy);
  return unwrap(await store.curve(pointCountMax, native)).map(curveOf);
}

function curveOf({ id, kind, errorBound, separators, keys, positions, predicted }: NativeCurve): IndexCurve {
  const points = keys.map((key, at) => {
    const expected = predicted[at] ?? Number.NaN;
    const point = { key, position: positions[at] ?? 0 };
    return Number.isNaN(expected) ? point : { ...point, predicted: expected };
  });
  return { segment: id, kind: kindOf(kind), errorBound, separatorCount: separators, points };
}

function nativePolicy(policy: IndexPolicy): NativePolicy {
  requireIndexPolicy(policy);
  const { kind, errorBound } = policy;
  return errorBound === undefined ? { kind } : { kind, errorBound };
}

function kindOf(kind: string): IndexCandidate['kind'] {
  return kind as IndexCandidate['kind'];
}
