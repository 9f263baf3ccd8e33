/**
 * The key-value store's contract beyond abstract-level: packed reads without allocation, durability by name,
 * what the store tells of itself, verification and repair.
 *
 * Keys order by their bytes. A key may also be a number or bigint in 0..2^64-1: it stands for its 8 bytes,
 * big-endian, so that numeric order and byte order agree.
 */
import type { IndexKind, JournalEntry } from '../control/controller.js';
import { requireObject, requireWhole } from '../errors/arguments.js';

/** How far a write is on its way to the disk when it is acknowledged: `synced` survives power loss, `fast` does not. */
export type Durability = 'synced' | 'fast';

/** The acknowledgement of one commit. */
export interface Acknowledgement {
  /** Number of the commit; commits are numbered 1, 2, 3, … without gaps. */
  readonly sequence: number;
  /** What was reached; a `fast` write that shared a synced group says `synced`. */
  readonly durability: Durability;
}

/** A key as bytes, or as an unsigned 64-bit integer (a number must be a safe integer). */
export type PackedKey = Uint8Array | number | bigint;

/** One operation of a commit. */
export type PackedOperation =
  | { readonly type: 'put'; readonly key: PackedKey; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: PackedKey };

/**
 * Answers one after another in buffers of the caller, who owns them and may use them again for the next call.
 *
 * Field `i` spans `ends[i - 1]..ends[i]` of `bytes` (`0..ends[0]` for the first). `packedMissing` is set in `ends[i]`
 * when key `i` of `getManyPacked` is not there; the other bits still hold the end.
 */
export interface Packed {
  /** At most 2 GiB are used. */
  readonly bytes: Uint8Array;
  /** One item per answer, two (key, value) per entry of `scanPacked` with both fields. */
  readonly ends: Uint32Array;
  /** Set by the call: keys answered, or entries written. */
  count: number;
  /** Set by the call: bytes used. */
  byteCount: number;
  /** Set by `getManyPacked`: keys that exist. */
  found: number;
  /** Set by the call: true when nothing is left to answer. */
  done: boolean;
  /** Set by the call: bytes that the next answer needs when not one fitted, else 0. */
  bytesNeeded: number;
}

/** The bit of `Packed.ends` that marks a missing key. */
export const packedMissing: number = 2 ** 31;

/** Creates buffers for packed answers. @throws VarveError ARGUMENT_INVALID */
export function createPacked(size: { readonly byteCount: number; readonly endCount: number }): Packed {
  requireObject(size, 'the size of packed answers');
  const { byteCount, endCount } = size;
  requireWhole(byteCount, 'byteCount', 2 ** 32);
  requireWhole(endCount, 'endCount', 2 ** 30);
  return {
    bytes: new Uint8Array(byteCount),
    ends: new Uint32Array(endCount),
    count: 0,
    byteCount: 0,
    found: 0,
    done: false,
    bytesNeeded: 0,
  };
}

/** A range of keys in byte order; an absent bound is open. */
export interface PackedRange {
  /** Not used when `gte` is there. */
  readonly gt?: PackedKey;
  readonly gte?: PackedKey;
  /** Not used when `lte` is there. */
  readonly lt?: PackedKey;
  readonly lte?: PackedKey;
  /** Descending keys. */
  readonly reverse?: boolean;
  /** Entries at most, an integer; absent or negative for all. */
  readonly limit?: number;
  /** What is written per entry; `both` by default. */
  readonly fields?: 'keys' | 'values' | 'both';
}

/** A consistent view of the store. It stays valid through flushes and merges until it is closed. */
export interface StoreSnapshot {
  /** Last commit in the view. */
  readonly sequence: number;
  /** Lets go of the view; closing it again does nothing. */
  close(): Promise<void>;
}

/** The view that a read asks for; the latest state by default. */
export interface ViewOptions {
  readonly snapshot?: StoreSnapshot;
}

/** A packed scan under way; holds a snapshot until it is closed. */
export interface PackedScan {
  /**
   * Fills `out` with the next entries and returns it; `out.done` tells that the range is exhausted. An entry that
   * does not fit is the first of the next call.
   *
   * Cost: one native call; no allocation. Errors: `STORE_CLOSED`, `STORE_DAMAGED`,
   * `ARGUMENT_INVALID` when `out.ends` has no place for one entry.
   */
  next(out: Packed): Packed;
  /** Lets go of the snapshot; closing again does nothing. */
  close(): void;
}

/** One immutable sorted segment. */
export interface SegmentStats {
  readonly id: number;
  /** From 0 for the newest. Segments of one level have no keys in common: a read visits one of them. */
  readonly level: number;
  readonly entryCount: number;
  readonly tombstoneCount: number;
  readonly blockCount: number;
  readonly fileBytes: number;
  readonly filterBytes: number;
  readonly indexBytes: number;
  /** Kind of its index, as `IndexKind` names it; `binary-search` when no learned one could be verified. */
  readonly indexKind: Exclude<IndexKind, 'auto'> | 'binary-search';
  /** Error bound of a line probe, in separators; 0 when exact. */
  readonly indexErrorBound: number;
  /** Model segments per million separators at the reference error bound, whatever kind was built. */
  readonly hardness: number;
  /** Time of one index lookup measured at build, ns; 0 when nothing was timed. */
  readonly predictedNs: number;
  /** Mean lines of separators that a lookup compares, counted at build. */
  readonly linesAtBuild: number;
  readonly sampledLookups: number;
  readonly sampledNs: number;
  /** Lines of separators that the sampled lookups compared. */
  readonly sampledLines: number;
  /** Sampled lookups that the filter let through in vain. */
  readonly falsePositives: number;
  readonly keyMin: Uint8Array;
  readonly keyMax: Uint8Array;
}

/** A reading of the store; counters start at open. */
export interface StoreStats {
  /** Last commit that reads see. */
  readonly sequence: number;
  /** Every commit up to this one lives in segments. */
  readonly foldedSequence: number;
  /** Every commit up to this one survives power loss. */
  readonly syncedSequence: number;
  readonly memtableBytes: number;
  readonly memtableEntries: number;
  /** Memtables that wait for their flush. */
  readonly frozenMemtables: number;
  readonly logBytes: number;
  /** Bytes of batches that wait for the log. */
  readonly queuedBytes: number;
  readonly commits: number;
  readonly groupCommits: number;
  readonly syncs: number;
  readonly flushes: number;
  readonly merges: number;
  /** Entries written by flushes and merges. */
  readonly entriesWritten: number;
  /** Nanoseconds that flushes and merges took, waiting included. */
  readonly writingNs: number;
  readonly segmentBytesWritten: number;
  readonly lookups: number;
  readonly sampledLookups: number;
  /** Nanoseconds of the sampled lookups; one above 50 us was interrupted and counts as that. */
  readonly sampledNs: number;
  /** Sum of their squares. */
  readonly sampledNsSquared: number;
  /** Of `sampledNs`, what went into memtables and all levels but the oldest. */
  readonly sampledDeltaNs: number;
  /** Newest first. */
  readonly segments: readonly SegmentStats[];
  /** Why writes are refused, when they are. */
  readonly poisoned?: string;
}

/** One damaged place. */
export interface Damage {
  /** File name inside the directory. */
  readonly file: string;
  /** Byte offset. */
  readonly offset: number;
  /** What is wrong; the place is not said again. */
  readonly what: string;
}

/** What `verify` read and found. */
export interface VerifyReport {
  readonly segments: number;
  readonly blocks: number;
  readonly entries: number;
  readonly logRecords: number;
  /** Empty when all is well. */
  readonly damage: readonly Damage[];
}

/** What a repair found, saved and lost. */
export interface RepairReport {
  readonly damage: readonly Damage[];
  /** Commits that are gone, inclusive. */
  readonly lostSequences: readonly (readonly [first: number, last: number])[];
  /** Keys in these inclusive ranges may be gone or older than they were. */
  readonly lostKeys: readonly (readonly [low: Uint8Array, high: Uint8Array])[];
  readonly keptEntries: number;
  readonly keptCommits: number;
}

/** What the store tells while it works. */
export type StoreEvent =
  | { readonly type: 'progress'; readonly job: StoreJob; readonly done: number; readonly total: number }
  | {
      readonly type: 'flush';
      /** File numbers of the new segments, in key order; none when every entry cancelled out. */
      readonly segments: readonly number[];
      readonly entryCount: number;
      readonly fileBytes: number;
      readonly elapsedMs: number;
    }
  | {
      readonly type: 'merge';
      readonly inputs: readonly number[];
      /** As of a flush. */
      readonly segments: readonly number[];
      readonly entryCount: number;
      readonly fileBytes: number;
      readonly elapsedMs: number;
    }
  | { readonly type: 'background-failed'; readonly job: StoreJob; readonly error: Error }
  | { readonly type: 'poisoned'; readonly cause: string };

/** Work that goes on in the background, or takes long. */
export type StoreJob = 'flush' | 'merge' | 'verify';

/** The self-tuning loop of a store, as far as a user sees it. */
export interface StoreControl {
  /** Every decision with evidence, prediction and measurement, oldest first. */
  journal(): readonly JournalEntry[];
  /** Closes a window when enough samples came in, and takes at most one decision further; runs by itself too. */
  step(): Promise<void>;
}

/**
 * What a key-value store of Varve has beyond abstract-level's API, which it implements whole.
 *
 * Every call throws or rejects with a `VarveError`; its code is named where it is not obvious.
 */
export interface KeyValueStore {
  /**
   * Applies all operations as one commit, or none. Later operations on a key win.
   *
   * Errors: `KEY_TOO_LARGE`, `VALUE_TOO_LARGE`, `LIMIT_EXCEEDED`, `STORE_POISONED`, `STORE_FULL`.
   */
  commit(
    operations: Iterable<PackedOperation>,
    options?: { readonly durability?: Durability },
  ): Promise<Acknowledgement>;

  /**
   * Copies the value of `key` to the start of `buffer`, synchronously and without allocation.
   *
   * A key over the limit is missing, or refused with `KEY_TOO_LARGE`.
   *
   * @returns the value's length in bytes; more than `buffer.length` when it did not fit, and `buffer` is then
   *   untouched; -1 when there is no such key
   */
  getInto(key: PackedKey, buffer: Uint8Array, options?: ViewOptions): number;

  /**
   * Looks many keys up at one moment, synchronously, in groups with prefetch.
   *
   * @param keys the keys one after another, or one 64-bit integer per key
   * @param offsets where each key ends in `keys`, ascending, shape [n]; undefined for integers
   * @param out receives the values; `ends` must hold n items. It stops early when a value does not fit: ask again
   *   from key `out.count` on
   */
  getManyPacked(
    keys: Uint8Array | BigUint64Array,
    offsets: Uint32Array | undefined,
    out: Packed,
    options?: ViewOptions,
  ): Packed;

  /** Fills `out` with the first entries of `range`, synchronously. `openScan` goes on where a call ended. */
  scanPacked(range: PackedRange, out: Packed, options?: ViewOptions): Packed;

  /** Opens a scan over `range` that is read in packed chunks. */
  openScan(range: PackedRange, options?: ViewOptions): PackedScan;

  /** A reading of the store: segments, memtables, log, counters. Cost: a few microseconds per segment. */
  stats(): StoreStats;
  /** Reads and checks every block, filter, index and log record; damage is in the report, not an error. */
  verify(): Promise<VerifyReport>;
  /** Folds everything written so far into segments. */
  flush(): Promise<void>;
  /**
   * Folds, merges what has keys in common, drops what is deleted, and puts small segments together. What others write
   * meanwhile is not its concern.
   */
  compact(): Promise<void>;
  readonly control: StoreControl;
}
