/**
 * The loop's contract: what a plant shows, what a controller may do to it, and how every action is accounted for.
 *
 * Terms of control theory, x' = f(x, u, w): the state x is an `Observation`, an action u an `Action`, the
 * disturbance w the workload that the observation's counters describe, and the cost J a weighted sum of
 * latency, bytes and variance. The plant measures and acts (native code); the controller only decides.
 */

/** How a segment's index may be built at the next merge. `undefined` leaves the choice to the build. */
export interface IndexPolicy {
  /** The index kind to use; `auto` lets the chooser measure and pick. */
  readonly kind: IndexKind;
  /** Greatest distance, in positions, between predicted and true position; line probe only. */
  readonly errorBound?: number;
}

/** The index kinds of `varve_index`, and `auto` for the measured choice. */
export type IndexKind = 'auto' | 'affine' | 'line-probe' | 's-plus-tree' | 'sparse-fences';

/** What one immutable segment says of itself and of the sampled lookups that it answered. Counters only grow. */
export interface SegmentObservation {
  readonly id: number;
  readonly keyCount: number;
  /** `binary-search` stands in when no learned kind could be verified. */
  readonly kind: Exclude<IndexKind, 'auto'> | 'binary-search';
  /** Error bound in positions; 0 when the kind is exact. */
  readonly errorBound: number;
  readonly indexBytes: number;
  /** Piecewise-linear segments per million keys at the reference error bound. */
  readonly hardness: number;
  /** Mean lines of keys that a lookup compares, counted when the index was built; 1 when none is walked. */
  readonly linesPerLookupAtBuild: number;
  /** Sampled lookups that reached this segment. */
  readonly sampledLookups: number;
  /** Lines of keys that those lookups compared. */
  readonly sampledLines: number;
}

/** One reading of a plant. All counters are cumulative since the store was opened. */
export interface Observation {
  readonly segments: readonly SegmentObservation[];
  /** Merges finished so far; a policy takes effect when this grows. */
  readonly mergeCount: number;
  /** All lookups, sampled or not. */
  readonly lookups: number;
  readonly sampledLookups: number;
  /** Nanoseconds spent in sampled lookups. */
  readonly sampledNs: number;
  /** Sum of squares of the same, in ns², for the variance. */
  readonly sampledNsSquared: number;
  /** Of `sampledNs`, what went into the delta: memtables and segments younger than the oldest. */
  readonly sampledDeltaNs: number;
}

/** Something a controller may do. */
export type Action =
  | { readonly type: 'index-policy'; readonly policy: IndexPolicy }
  /** Fold the delta into the oldest segment. */
  | { readonly type: 'merge' };

/** What acting would bring: the plant's own estimate, made without touching what serves reads. */
export interface Forecast {
  /** Expected mean lookup time after the action, ns. */
  readonly nsPerLookup: number;
  /** Expected mean lookup time without it, ns, estimated in the same way. */
  readonly nsPerLookupNow: number;
  /** Expected lines of keys compared per lookup after the action: a count, which no busy machine disturbs. */
  readonly linesPerLookup: number;
  readonly linesPerLookupNow: number;
  /** Expected index bytes per key after the action. */
  readonly bytesPerKey: number;
  readonly bytesPerKeyNow: number;
  /** One-time cost of acting, ns of background work. */
  readonly trainNs: number;
}

/** What the controller steers: a store, or a simulation of one. */
export interface Plant {
  /** The counters of this moment. */
  observe(): Observation;
  /** The index policy in force for coming merges. */
  policy(): IndexPolicy;
  /** Builds and times the candidate beside the live index (shadow); never changes what serves reads. */
  forecast(action: Action): Promise<Forecast>;
  /** Sets the policy for coming merges; cheap, and effective at the next merge. */
  setPolicy(policy: IndexPolicy): void;
  /** Merges in the background; resolves when the merged segment serves reads. */
  merge(): Promise<void>;
}

/**
 * How far a controller may go: `off` reads nothing; `observe` records evidence; `recommend` also records
 * proposals with a forecast; `auto` acts, measures and undoes.
 */
export type ControlMode = 'off' | 'observe' | 'recommend' | 'auto';

/**
 * Weights of the cost J, in units per ns, per byte per key, per ns of standard deviation, and per line compared.
 *
 * `lines` is a count of work: with weight on it alone, the loop decides alike on every machine, busy or not.
 */
export interface CostWeights {
  readonly latency: number;
  readonly bytes: number;
  readonly variance: number;
  readonly lines: number;
}

/** The stages that every action passes through, in order; it may end early in `REVERTED` or `REJECTED`. */
export type Stage =
  | 'PROPOSED'
  | 'WHAT-IF'
  | 'SHADOW'
  | 'CANARY'
  | 'LIVE'
  | 'REJECTED'
  | 'REVERTED'
  | 'RETIRED';

/** Why a decision was considered: the signal, its value, and the threshold that it crossed. */
export interface Evidence {
  readonly signal: 'drift' | 'delta-share' | 'hardness' | 'hardware' | 'requested';
  readonly value: number;
  readonly threshold: number;
  /** The last windows' readings of the signal, oldest first. */
  readonly history: readonly number[];
}

/** One line of the journal. Entries of one decision share `decision`; the last one is its present state. */
export interface JournalEntry {
  /** Position in the journal, from 0. */
  readonly sequence: number;
  /** Number of the decision that this entry belongs to. */
  readonly decision: number;
  /** Milliseconds since the epoch, by the injected clock. */
  readonly timeMs: number;
  readonly stage: Stage;
  readonly action: Action;
  /** What restores the state before the action; absent where there is nothing to restore. */
  readonly undo?: Action;
  readonly evidence: Evidence;
  /** Predicted fall of the cost J; absent before `WHAT-IF`. */
  readonly predictedGain?: number;
  /** Measured fall of the cost J; absent before the measurement is complete. */
  readonly measuredGain?: number;
  /** One sentence for a person. */
  readonly reason: string;
  /** SHA-256, hex, over the previous entry's hash and this entry without its hash. */
  readonly hash: string;
}

/** Decides from observations. It owns no thread and no timer: whoever owns it calls `step`. */
export interface Controller {
  readonly mode: ControlMode;
  /** Closes a window when enough samples came in, and takes at most one decision further by one stage. */
  step(): Promise<void>;
  /** Puts an action through the same guard as the controller's own proposals. `predictedGain` overrides the forecast. */
  request(action: Action, options?: { readonly predictedGain?: number }): Promise<number>;
  /** Every decision with evidence, prediction and measurement, oldest first. */
  journal(): readonly JournalEntry[];
}
