/**
 * The store as the loop's plant: what it shows, what acting on it would bring, and the two things that can be done.
 *
 * It only converts. The counters are summed where the lookups run, and candidates are built and timed on a native
 * thread, beside the live index.
 */
import {
  type Forecast,
  type IndexPolicy,
  type Observation,
  type Plant,
  type SegmentObservation,
  VarveError,
} from '@varve/interfaces';
import {
  type CandidateTrial,
  type NativeStore,
  type SegmentStats,
  type SegmentTrial,
  type StoreStats,
  unwrap,
} from '@varve/native-embedded';

/** What rewriting an entry takes before this store has rewritten any, ns. */
const writeNsDefault = 1_000;

/** The plant of one open store. `compact` folds and merges everything, and resolves when that serves reads. */
export function createStorePlant(store: NativeStore, compact: () => Promise<void>): Plant {
  return {
    observe: () => observe(store.stats()),
    policy: () => store.indexPolicy() as IndexPolicy,
    setPolicy: (policy) => unwrap(store.setIndexPolicy({ ...policy })),
    merge: compact,
    async forecast(action) {
      if (action.type === 'merge') return forecastMerge(store.stats());
      const trials = unwrap(await store.trial([{ ...action.policy }])) as readonly SegmentTrial[];
      return forecastPolicy(store.stats(), trials);
    },
  };
}

function observe(stats: StoreStats): Observation {
  return {
    segments: stats.segments.map(segmentOf),
    mergeCount: stats.merges,
    lookups: stats.lookups,
    sampledLookups: stats.sampledLookups,
    sampledNs: stats.sampledNs,
    sampledNsSquared: stats.sampledNsSquared,
    sampledDeltaNs: stats.sampledDeltaNs,
  };
}

function segmentOf(segment: SegmentStats): SegmentObservation {
  return {
    id: segment.id,
    keyCount: segment.entries,
    kind: segment.indexKind as SegmentObservation['kind'],
    errorBound: segment.indexErrorBound,
    indexBytes: segment.indexBytes,
    hardness: segment.hardness,
    linesPerLookupAtBuild: segment.linesAtBuild,
    sampledLookups: segment.sampledLookups,
    sampledLines: segment.sampledLines,
  };
}

/**
 * What other indexes would bring: the lookups stay as they are, but for the time in the index.
 *
 * Each segment weighs as often as lookups reach it; before any was sampled, as many entries as it has.
 */
function forecastPolicy(stats: StoreStats, trials: readonly SegmentTrial[]): Forecast {
  const shown = new Map(stats.segments.map((segment) => [segment.id, segment]));
  const entries = sum(trials, (trial) => trial.entries);
  const weightOf = (trial: SegmentTrial): number =>
    stats.sampledLookups > 0
      ? (shown.get(trial.id)?.sampledLookups ?? 0) / stats.sampledLookups
      : trial.entries / entries;
  const weigh = (which: Pick, of: (candidate: CandidateTrial) => number): number =>
    sum(trials, (trial) => weightOf(trial) * of(which(trial)));
  const bytesPerKey = (which: Pick): number =>
    sum(trials, (trial) => which(trial).indexBytes) / Math.max(1, entries);
  const nsPerLookupNow = meanNs(stats) ?? weigh(liveOf, (candidate) => candidate.nsPerLookup);
  const saved =
    weigh(liveOf, ({ nsPerLookup }) => nsPerLookup) - weigh(askedOf, ({ nsPerLookup }) => nsPerLookup);
  return {
    nsPerLookupNow,
    nsPerLookup: Math.max(0, nsPerLookupNow - saved),
    linesPerLookupNow: weigh(liveOf, (candidate) => candidate.linesPerLookup),
    linesPerLookup: weigh(askedOf, (candidate) => candidate.linesPerLookup),
    bytesPerKeyNow: bytesPerKey(liveOf),
    bytesPerKey: bytesPerKey(askedOf),
    trainNs: sum(trials, (trial) => askedOf(trial).buildNs) + entries * writeNs(stats),
  };
}

/**
 * What folding the delta away would bring: lookups that the delta answered go to the oldest level like the others,
 * and nothing looks into the delta any more. All of it follows from counters.
 */
function forecastMerge(stats: StoreStats): Forecast {
  const depth = Math.max(...stats.segments.map(({ level }) => level));
  const oldest = stats.segments.filter(({ level }) => level === depth);
  const reached = sum(oldest, (segment) => segment.sampledLookups);
  const entries = sum(stats.segments, (segment) => segment.entries);
  const bytesPerKey = sum(stats.segments, (segment) => segment.indexBytes) / Math.max(1, entries);
  const nsPerLookupNow = meanNs(stats) ?? 0;
  const linesPerLookupNow =
    sum(stats.segments, (segment) => segment.sampledLines) / Math.max(1, stats.sampledLookups);
  const rest = {
    nsPerLookupNow,
    linesPerLookupNow,
    bytesPerKey,
    bytesPerKeyNow: bytesPerKey,
    trainNs: (entries + stats.memtableEntries) * writeNs(stats),
  };
  if (reached === 0) return { ...rest, nsPerLookup: nsPerLookupNow, linesPerLookup: linesPerLookupNow };
  const answeredInDelta = 1 - reached / stats.sampledLookups;
  const saved = stats.sampledDeltaNs / stats.sampledLookups;
  const added = answeredInDelta * (sum(oldest, (segment) => segment.sampledNs) / reached);
  return {
    ...rest,
    nsPerLookup: Math.max(0, nsPerLookupNow - saved + added),
    linesPerLookup: sum(oldest, (segment) => segment.sampledLines) / reached,
  };
}

type Pick = (trial: SegmentTrial) => CandidateTrial;

const liveOf: Pick = (trial) => found(trial, (candidate) => candidate.isLive);
const askedOf: Pick = (trial) => found(trial, (candidate) => candidate.policy !== undefined);

/** @throws VarveError INDEX_DAMAGED when a candidate is missing or answers otherwise than the live index */
function found(trial: SegmentTrial, wanted: (candidate: CandidateTrial) => boolean): CandidateTrial {
  const candidate = trial.candidates.find(wanted);
  if (candidate === undefined || candidate.wrongAnswers > 0)
    throw new VarveError('INDEX_DAMAGED', {
      message: `a trial over segment ${trial.id} failed: ${candidate?.wrongAnswers ?? 'no'} answers differ`,
      hint: 'run verify()',
    });
  return candidate;
}

function meanNs(stats: StoreStats): number | undefined {
  return stats.sampledLookups > 0 ? stats.sampledNs / stats.sampledLookups : undefined;
}

function writeNs(stats: StoreStats): number {
  return stats.entriesWritten > 0 ? stats.writingNs / stats.entriesWritten : writeNsDefault;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
