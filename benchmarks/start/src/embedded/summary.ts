/** What a run found out, as `--json` prints it and the report draws it. */
import type { JournalEntry } from '@varve/embedded';

/** Times of one kind of read, nanoseconds per key or entry; the median of interleaved rounds. */
export interface ReadFigure {
  /** What is read, for people. */
  readonly what: string;
  /** Call on Varve, call on LevelDB. */
  readonly calls: readonly [string, string];
  readonly varveNs: number;
  readonly levelNs: number;
}

/** How long single calls took. */
export interface Latencies {
  /** Calls timed. */
  readonly count: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  /** Calls per bucket; bucket i spans bucketStartNs(i) to bucketStartNs(i + 1). */
  readonly buckets: readonly number[];
}

/** One index that was built and timed for a segment. */
export interface CandidateFigure {
  readonly kind: string;
  /** In separators; 0 when exact. */
  readonly errorBound: number;
  readonly indexBytes: number;
  readonly nsPerLookup: number;
  /** Lines of 8 separators compared per lookup. */
  readonly linesPerLookup: number;
  readonly isLive: boolean;
}

/** What the engine chose for one segment, and what else it could have had. */
export interface SegmentFigure {
  readonly id: number;
  readonly entryCount: number;
  /** Blocks of 4 KiB; the index finds the block of a key. */
  readonly blockCount: number;
  readonly fileBytes: number;
  readonly filterBytes: number;
  readonly indexBytes: number;
  readonly indexKind: string;
  readonly indexErrorBound: number;
  readonly hardness: number;
  /** Minutes since 1970-01-01. */
  readonly firstMinute: number;
  readonly lastMinute: number;
  readonly candidates: readonly CandidateFigure[];
}

/** A point of the curve from key to position. */
export interface CurvePoint {
  readonly minute: number;
  /** Departures before this one. */
  readonly position: number;
}

/** What a learned index expects of one separator. */
export interface Expectation {
  readonly minute: number;
  /** True position among the separators. */
  readonly position: number;
  readonly predicted: number;
}

/** The learned index of the largest segment, live or built beside it. */
export interface LearnedCurve {
  readonly kind: string;
  /** In separators. */
  readonly errorBound: number;
  /** False when the segment answers from another kind, and this one was built for comparison. */
  readonly isLive: boolean;
  /** Of that segment. */
  readonly entryCount: number;
  readonly separatorCount: number;
  readonly expectations: readonly Expectation[];
}

/** How the delay model did on days that it has never seen. */
export interface ModelFigure {
  /** False when the data end before the days that training left out. */
  readonly isUnseen: boolean;
  readonly scoredRows: number;
  readonly trees: number;
  readonly fileBytes: number;
  /** Root of the mean squared error, minutes. */
  readonly rmse: { readonly model: number; readonly meanOfHour: number; readonly mean: number };
  /** Share that came 15 minutes late or later: of all, and of the tenth that the model finds riskiest. */
  readonly late: { readonly all: number; readonly riskiest: number };
  readonly rowsPerSecond: number;
  /** One `infer` call from JavaScript. */
  readonly nsPerCall: number;
  /** Mean predicted and mean true delay of each tenth, least risky first, minutes. */
  readonly tenths: readonly { readonly predicted: number; readonly actual: number; readonly late: number }[];
}

/** Example answers. */
export interface Answers {
  readonly point: { readonly flight: string; readonly delay: number; readonly distance: number };
  readonly range: {
    readonly from: string;
    readonly to: string;
    readonly departures: number;
    readonly meanDelay: number;
  };
  readonly batch: { readonly asked: number; readonly found: number; readonly meanDelay: number };
}

/** Version of the format of a `Summary`. */
export const summaryVersion = 2;

export interface Summary {
  readonly version: typeof summaryVersion;
  readonly madeAt: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly node: string;
  };
  /** Departures that were asked for, and that there were. */
  readonly rowCountMax: number;
  readonly rows: number;
  readonly firstMinute: number;
  readonly lastMinute: number;
  readonly seconds: {
    readonly read: number;
    readonly store: number;
    readonly fold: number;
    readonly levelStore: number;
    readonly total: number;
  };
  readonly bytes: { readonly parquet: number; readonly varve: number; readonly level: number };
  readonly segments: readonly SegmentFigure[];
  /** Answers of both stores that were compared before anything was timed; all equal, or the run fails. */
  readonly comparedAnswers: number;
  readonly reads: readonly ReadFigure[];
  readonly latencies: { readonly varve: Latencies; readonly level: Latencies; readonly clockNs: number };
  readonly curve: readonly CurvePoint[];
  /** Absent when the store is too small for a model. */
  readonly learned?: LearnedCurve;
  readonly answers: Answers;
  /** Absent when the tier has no models. */
  readonly model?: ModelFigure;
  /** Absent when the tier has no self-tuning loop. */
  readonly journal?: readonly JournalEntry[];
}
