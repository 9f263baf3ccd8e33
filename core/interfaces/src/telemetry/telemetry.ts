/**
 * The telemetry contract: each execution leaves one record; records are summed per template and told to listeners.
 *
 * It is not a log and not a metrics server: it keeps what the loop learns from, in bounded memory.
 *
 * Invariants
 * 1. Memory is bounded by `TelemetryLimits`; what does not fit is counted, never kept and never silently lost.
 * 2. `record` runs no listener and throws for no listener's sake.
 * 3. Every listener hears of records in the order in which they were recorded.
 */
import type { ErrorCode } from '../errors/error-codes.js';

/** One execution: what ran, when, for how long, and the work that it did. */
export interface TelemetryRecord {
  /** What ran, as a dotted path in words of the glossary, such as `kv.flush`; 1 to 128 UTF-16 code units. */
  readonly template: string;
  /** When it began, ms since the epoch, by the injected clock. */
  readonly startedMs: number;
  /** How long it took, ms, at least 0. */
  readonly elapsedMs: number;
  /** The work vector: finite numbers of at least 0 by name, unit last (`entryCount`, `fileBytes`); 16 at most. */
  readonly work: Readonly<Record<string, number>>;
  /** Why it failed; absent when it succeeded. */
  readonly failure?: ErrorCode;
}

/** All records of one template since the telemetry began. */
export interface TemplateSummary {
  readonly template: string;
  readonly count: number;
  readonly failureCount: number;
  /** Sum, least and greatest of `elapsedMs`, and the sum of its squares in ms² for the variance. */
  readonly elapsedMs: {
    readonly sum: number;
    readonly min: number;
    readonly max: number;
    readonly squares: number;
  };
  /** Sums by name; at most 16 names, the first ones seen. */
  readonly work: Readonly<Record<string, number>>;
  /** Numbers that came under further names and are in no sum. */
  readonly unsummedCount: number;
}

/** A reading of the telemetry; a copy that later records do not change. */
export interface TelemetrySnapshot {
  /** Records accepted so far. */
  readonly recordCount: number;
  /** Records that belong to no summary because there were `templatesMax` templates already. */
  readonly unsummarisedCount: number;
  /** Listeners that were unsubscribed because they threw. */
  readonly failedListenerCount: number;
  /** In the order in which the templates first came. */
  readonly templates: readonly TemplateSummary[];
  /** The last records, oldest first, at most `recentMax`. */
  readonly recent: readonly TelemetryRecord[];
}

/** The bounds of a telemetry. */
export interface TelemetryLimits {
  /** Records kept as `recent`, and records waiting for one listener. */
  readonly recentMax: number;
  /** Templates summed up. */
  readonly templatesMax: number;
  readonly listenersMax: number;
}

/** Most names in a work vector. */
export const workNamesMax: number = 16;

/** Longest name of a template or of a part of a work vector, UTF-16 code units. */
export const telemetryNameLengthMax: number = 128;

/**
 * Hears of records.
 *
 * @param records since the last call, oldest first, at most `recentMax`
 * @param missedCount records since the last call that are not among them, because too many came at once
 */
export type TelemetryListener = (records: readonly TelemetryRecord[], missedCount: number) => void;

/** Takes records in, sums them up, and passes them on. */
export interface Telemetry {
  readonly limits: TelemetryLimits;
  /**
   * Takes one record in, synchronously; the record is copied.
   *
   * Cost: independent of how many records came before. Errors: `ARGUMENT_INVALID`, and then nothing has changed.
   */
  record(record: TelemetryRecord): void;
  /** What the records so far sum up to. */
  snapshot(): TelemetrySnapshot;
  /**
   * Tells `listener` of every record from now on, in batches, each in a microtask of its own.
   *
   * A listener that throws is unsubscribed and counted.
   *
   * @returns unsubscribes; nothing is heard after it, not even what waits
   * @throws VarveError `LIMIT_EXCEEDED` when there are `listenersMax` already
   */
  subscribe(listener: TelemetryListener): () => void;
}
