// Generated from native/crates/varve_napi by build.mjs; do not edit.
import type { HotReads } from './hot-reads.js';

/** A range of keys in byte order; an absent bound is open. */
export interface KeyRange {
  /** Greater than; not used when `gte` is there. */
  gt?: Uint8Array;
  /** Greater than or equal. */
  gte?: Uint8Array;
  /** Less than; not used when `lte` is there. */
  lt?: Uint8Array;
  /** Less than or equal. */
  lte?: Uint8Array;
  /** Descending keys. */
  reverse?: boolean;
  /** Entries at most; absent or negative for all. */
  limit?: number;
}

/** Iterates one snapshot's range; `close` lets go of it. */
export declare class NativeCursor {
  private constructor();
  /** Moves to the first entry at or after `key` in the cursor's direction. */
  seek(key: Uint8Array): Failed | undefined;
  /**
   * Copies as many next entries as fit into `bytes`, with one end per field in `ends`.
   *
   * `fields` is 0 for keys, 1 for values, 2 for both. `filled` receives entries, bytes, 1 when the range is
   * exhausted, and the bytes that the next entry needs when not one fitted; shape [4].
   */
  fill(fields: number, bytes: Uint8Array, ends: Uint32Array, filled: Uint32Array): Failed | undefined;
  /** Lets go of the snapshot; later calls answer `STORE_CLOSED`. */
  close(): void;
}

/** One event; which fields are set follows from `type`. */
export interface StoreEvent {
  /** `progress`, `flush`, `merge`, `fold`, `background-failed` or `poisoned`. */
  type: string;
  /** `progress`, `background-failed`: `flush`, `merge` or `verify`. */
  job?: string;
  /** `progress`: entries done. */
  done?: number;
  /** `progress`: entries in all. */
  total?: number;
  /** `flush`, `merge`: file numbers of the new segments, in key order; none when every entry cancelled out. */
  segments?: Array<number>;
  /** `merge`: file numbers of the inputs. */
  inputs?: Array<number>;
  /** `flush`, `merge`: entries of the new segments. */
  entries?: number;
  /** `flush`, `merge`: bytes of their files. */
  bytes?: number;
  /** `flush`, `merge`: wall time. */
  elapsedMs?: number;
  /** `fold`: names the fold. */
  ticket?: number;
  /** `fold`: the new catalogue, opaque. */
  catalogue?: Uint8Array;
  /** `fold`: every commit up to this one lives in segments from then on. */
  foldedSequence?: number;
  /** `background-failed`: why. */
  failure?: Failure;
  /** `poisoned`: why. */
  cause?: string;
}

/** Takes the lock of the store in `dir`, before whatever the caller keeps there is touched. */
export declare function lockStore(dir: string, createIfMissing: boolean): Promise<NativeLock | Failed>;

/** A lock that is held until `release`, and for as long as a store that was opened with it is open. */
export declare class NativeLock {
  private constructor();
  /** Verifies the segments; unless all is sound, makes new ones of what is left of them and of the log's commits. Once. */
  salvage(found: FoundCommits): Promise<Salvaged | Failed>;
  /** Removes the segments that `salvage` made, none of which is live. */
  discard(): void;
  /** Lets go of it; a store that was opened with it still holds it. */
  release(): void;
}

/** How a store is opened; what is absent has the default of `varve_kv::OpenOptions`. */
export interface StoreOptions {
  /** Creates the directory and the store when there is none. */
  createIfMissing?: boolean;
  /** Fails with `STORE_EXISTS` when there is one. */
  errorIfExists?: boolean;
  /** Bytes of one memtable. */
  memtableBytes?: number;
  /** Largest preallocated log file, in bytes. */
  logFileBytes?: number;
  /** Bytes of waiting batches after which a write fails with `LIMIT_EXCEEDED`. */
  queueBytesMax?: number;
  /** Filter bits per key. */
  filterBits?: number;
  /** The caller keeps the log: batches come in by `apply`, folds go out by event. */
  externalLog?: boolean;
  /** With `externalLog`: the catalogue that the caller stored last; absent for a new store. */
  catalogue?: Uint8Array;
  /** How the index of new segments is built; `auto` by default. */
  indexPolicy?: IndexPolicy;
}

/** Salvages a damaged store in place and says exactly what is gone. */
export declare function repairStore(dir: string): Promise<RepairReport | Failed>;

/** What the caller read from its log. */
export interface FoundCommits {
  /** The newest catalogue; absent when it is lost, or none was ever stored. */
  catalogue?: Uint8Array;
  /** Number of each commit. */
  sequences: Float64Array;
  /** End of each commit's batch in `batches`. */
  ends: Float64Array;
  /** The packed batches. */
  batches: Uint8Array;
  /** Last commit known to have existed. */
  known: number;
  /** The log opened and was read to its end. */
  isSound: boolean;
}

/** What is to be stored in the place of the log's contents. */
export interface Salvaged {
  /** What was found, saved and lost. */
  report: RepairReport;
  /** The new catalogue; absent when the store is sound and to be left alone. */
  catalogue?: Uint8Array;
  /** Every commit up to this one is folded in it. */
  foldedSequence: number;
}

/** Sizes, counters and telemetry; counters start at open. */
export interface StoreStats {
  /** Last commit that reads see. */
  sequence: number;
  /** Every commit up to this one lives in segments. */
  foldedSequence: number;
  /** Last commit known to be on disk (native log). */
  syncedSequence: number;
  /** Bytes used in memtables. */
  memtableBytes: number;
  /** Entries in memtables, versions and tombstones included. */
  memtableEntries: number;
  /** Memtables waiting for their flush. */
  frozenMemtables: number;
  /** Bytes of log files on disk. */
  logBytes: number;
  /** Bytes of batches waiting in the log's queue. */
  queuedBytes: number;
  /** Commits since open. */
  commits: number;
  /** Group commits since open. */
  groups: number;
  /** `fdatasync` calls of the log since open. */
  syncs: number;
  /** Flushes since open. */
  flushes: number;
  /** Merges since open. */
  merges: number;
  /** Entries written by flushes and merges since open. */
  entriesWritten: number;
  /** Nanoseconds that they took, waiting included. */
  writingNs: number;
  /** Bytes written by flushes and merges since open. */
  segmentBytesWritten: number;
  /** Point reads since open. */
  lookups: number;
  /** Point reads that were sampled. */
  sampledLookups: number;
  /** Nanoseconds that the sampled reads took in all; one above 50 us counts as that. */
  sampledNs: number;
  /** Sum of their squares. */
  sampledNsSquared: number;
  /** Of `sampledNs`, nanoseconds in memtables and all segments but the oldest. */
  sampledDeltaNs: number;
  /** Live segments: newest level first, each level in key order. */
  segments: Array<SegmentStats>;
  /** Why writes are refused, when they are. */
  poisoned?: string;
}

/** One live segment. */
export interface SegmentStats {
  /** File number. */
  id: number;
  /** From 0 for the newest. Segments of one level have no keys in common: a read visits one of them. */
  level: number;
  /** Entries, tombstones included. */
  entries: number;
  /** Tombstones among them. */
  tombstones: number;
  /** 4 KiB blocks. */
  blocks: number;
  /** Bytes of the file. */
  fileBytes: number;
  /** Bytes of its filter. */
  filterBytes: number;
  /** Bytes of its index. */
  indexBytes: number;
  /** Kind of its index; `binary-search` when no learned one could be verified. */
  indexKind: string;
  /** Error bound of a line probe, in separators; 0 when exact. */
  indexErrorBound: number;
  /** Model segments per million separators at the reference error bound. */
  hardness: number;
  /** Time of one index lookup measured at build, in nanoseconds; 0 when nothing was timed. */
  predictedNs: number;
  /** Mean lines of separators that a lookup compares, counted at build. */
  linesAtBuild: number;
  /** Sampled lookups that reached this segment. */
  sampledLookups: number;
  /** Nanoseconds that they spent in it. */
  sampledNs: number;
  /** Lines of separators that they compared. */
  sampledLines: number;
  /** Sampled lookups that the filter let through in vain. */
  falsePositives: number;
  /** Smallest key. */
  keyMin: Uint8Array;
  /** Largest key. */
  keyMax: Uint8Array;
}

/** What `verify` checked. */
export interface VerifyReport {
  /** Segments read. */
  segments: number;
  /** Blocks read. */
  blocks: number;
  /** Entries whose filter and index answers were checked. */
  entries: number;
  /** Log records read. */
  logRecords: number;
  /** Every damage found; empty when all is well. */
  damage: Array<Damage>;
}

/** One damaged place. */
export interface Damage {
  /** File name inside the directory. */
  file: string;
  /** Byte offset. */
  offset: number;
  /** What is wrong. */
  what: string;
}

/** What `repair` found, saved and lost. */
export interface RepairReport {
  /** Damaged places. */
  damage: Array<Damage>;
  /** Commits that are gone, as inclusive pairs. */
  lostSequences: Array<Array<number>>;
  /** Keys in these inclusive ranges may be gone or older than they were. */
  lostKeys: Array<Array<Uint8Array>>;
  /** Entries of segments kept. */
  keptEntries: number;
  /** Commits of the log kept. */
  keptCommits: number;
}

/**
 * Opens or creates the store in `dir` on a thread of its own.
 * 
 * `onEvent` hears of background work. `onAcks` hears of every group commit: token, sequence and 1 (synced) or 0
 * (fast) for each batch in it, or the tokens and the failure that all of them share. `lock` is the directory's, when the
 * caller has taken it.
 */
export declare function openStore(dir: string, options: StoreOptions, onEvent: (arg0: StoreEvent) => void, onAcks: (arg0: Float64Array, arg1?: Failure | undefined | null) => void, lock?: NativeLock | undefined | null): Promise<NativeStore | Failed>;

/** An open store. */
export declare class NativeStore {
  private constructor();
  /** Binds the hot reads to this store, and to `snapshot` when there is one. Keys go through `scratch`. */
  hotReads(scratch: Uint8Array, snapshot?: NativeSnapshot): HotReads | Failed;
  /**
   * Looks packed keys up at one moment: key `i` ends at `keyEnds[i]` of `keys`, its value at `valueEnds[i]` of
   * `values`, or bit 31 is set there when it is missing. `done` receives keys answered, keys found, bytes used,
   * and bytes that the next value needs when it did not fit; shape [4].
   */
  getMany(snapshot: NativeSnapshot | undefined | null, keys: Uint8Array, keyEnds: Uint32Array, values: Uint8Array, valueEnds: Uint32Array, done: Uint32Array): Failed | undefined;
  /** Queues a packed batch for the next group commit; `onAcks` learns its outcome under `token`. */
  write(batch: Uint8Array, synced: boolean, token: number): Failed | undefined;
  /** External log: applies a batch that the caller has logged as commit `sequence`. */
  apply(batch: Uint8Array, sequence: number): Failed | undefined;
  /** External log: true when `apply` of this packed batch would not wait for a flush. */
  canApply(batch: Uint8Array): boolean | Failed;
  /** External log: the catalogue of the fold is durable. */
  foldCommitted(ticket: number): Failed | undefined;
  /** External log: the catalogue of the fold could not be stored. */
  foldFailed(ticket: number): Failed | undefined;
  /** External log: the catalogue as it stands. */
  catalogue(): Uint8Array;
  /** A view of everything acknowledged so far. */
  snapshot(): NativeSnapshot;
  /** Opens a cursor on `range`, of `snapshot` or of a fresh one. */
  cursor(range: KeyRange, snapshot?: NativeSnapshot | undefined | null): NativeCursor | Failed;
  /** Deletes every key of `range` by logged writes; resolves with how many. */
  clearRange(range: KeyRange, synced: boolean): Promise<number | Failed>;
  /** Bytes that the entries of `[start, end)` take in segments, from the index alone. */
  approximateSize(start: Uint8Array, end: Uint8Array): number;
  /** Folds everything written so far into segments. */
  flush(): Promise<undefined | Failed>;
  /** Flushes and merges everything into one segment. */
  compact(): Promise<undefined | Failed>;
  /** Reads and checks everything; damage is in the report, and progress goes to `onEvent`. */
  verify(): Promise<VerifyReport | Failed>;
  /** Sizes, counters and telemetry. */
  stats(): StoreStats;
  /** How the index of the segments that later flushes and merges build is made. */
  setIndexPolicy(policy: IndexPolicy): Failed | undefined;
  /** The policy that `setIndexPolicy` or the options set last. */
  indexPolicy(): IndexPolicy;
  /**
   * How the index of every segment, in the order of `stats`, maps keys to positions: at most `pointsMax` separators of each,
   * beside what the live model expects, or the one of `policy`.
   */
  curve(pointsMax: number, policy?: IndexPolicy | undefined | null): Promise<SegmentCurve[] | Failed>;
  /** The instruction set that index lookups run on here, such as `avx2`. */
  instructionSet(): string;
  /**
   * Builds and times indexes of `policies` beside the live ones of every segment, in the order of `stats`. What serves
   * reads is not touched.
   */
  trial(policies: Array<IndexPolicy>): Promise<SegmentTrial[] | Failed>;
  /** Commits what is queued, syncs, marks the clean end and stops the threads. */
  close(): Promise<undefined | Failed>;
}

/** A consistent view; `close` lets go of it. */
export declare class NativeSnapshot {
  private constructor();
  /** Last commit in this view; -1 when closed. */
  get sequence(): number;
  /** Lets go of the view; later reads of it answer `STORE_CLOSED`. */
  close(): void;
}

/** How the index of a segment is built. */
export interface IndexPolicy {
  /** `auto`, `affine`, `line-probe`, `s-plus-tree` or `sparse-fences`. */
  kind: string;
  /** Error bound of a line probe, in separators, 1 to 1024. */
  errorBound?: number;
}

/** The candidates for the index of one live segment, built and timed beside it. */
export interface SegmentTrial {
  /** File number. */
  id: number;
  /** Entries, tombstones included. */
  entries: number;
  /** Runs of blocks that the index tells apart. */
  separators: number;
  /** The questions follow recent lookups; when false, too few were sampled, and they are spread evenly. */
  followsWorkload: boolean;
  /** The live index, the binary search, then one per policy in its order. */
  candidates: Array<CandidateTrial>;
}

/** What one index costs on the questions of a trial. */
export interface CandidateTrial {
  /** Kind; `binary-search` for the plain search over all separators. */
  kind: string;
  /** Error bound in separators; 0 when exact. */
  errorBound: number;
  /** The one that serves reads. */
  isLive: boolean;
  /** What was asked for; absent for the live index and the reference. */
  policy?: IndexPolicy;
  /** Bytes of the index, separators included. */
  indexBytes: number;
  /** Median nanoseconds per lookup. */
  nsPerLookup: number;
  /** Mean lines of separators compared per lookup. */
  linesPerLookup: number;
  /** Nanoseconds that its build took, choice and verification included; 0 for the live index. */
  buildNs: number;
  /** Lookups whose answer differs from the live index's: always 0, or something is broken. */
  wrongAnswers: number;
}

/** How the index of one segment maps keys to positions, at some of its separators; the arrays are equally long. */
export interface SegmentCurve {
  /** File number. */
  id: number;
  /** Kind of the index. */
  kind: string;
  /** Error bound in separators; 0 when exact. */
  errorBound: number;
  /** Separators in all. */
  separators: number;
  /** In order. */
  keys: Array<Uint8Array>;
  /** True positions. */
  positions: Float64Array;
  /** Where the model expects each; NaN when the kind predicts nothing. */
  predicted: Float64Array;
}

/** A failure as data; the addon's TypeScript turns it into a `VarveError`. */
export interface Failure {
  /** A code of `errorCodes`. */
  code: string;
  /** What happened. */
  message: string;
  /** The next step; may be empty. */
  hint: string;
  /** The underlying failure as text, when there is one. */
  cause?: string;
}

/** What a failed call returns: an object that nothing else looks like. */
export interface Failed {
  /** Why the call failed. */
  failure: Failure;
}

/** Opens a model on a thread of its own: a file of Varve, or with `onnx` an ONNX message. */
export declare function loadModel(bytes: Uint8Array, onnx: boolean): Promise<NativeModel | Failed>;

/** A model that is ready to score. */
export declare class NativeModel {
  private constructor();
  /** Binds scoring to two buffers of the model's widths: `run()` scores `features` into `answer`. */
  bind(features: Float32Array, answer: Float32Array): () => true | undefined;
  /** Scores rows of shape [n, features] into `out` of shape [n, outputs]. */
  inferBatch(rows: Float32Array, out: Float32Array): Failed | undefined;
  /** The model as a file of Varve. */
  toBytes(): Uint8Array;
  /** The same model with int8 weights. */
  quantised(): NativeModel;
  /** Names, labels, parts and size. */
  schema(): ModelSchema;
}

/** What a model takes and gives. */
export interface ModelSchema {
  /** Names of the features, in the order of a row. */
  features: Array<string>;
  /** Names of the outputs, in the order of an answer. */
  outputs: Array<string>;
  /** Labels of the outputs of a classifier that are numbers. */
  classNumbers: Array<number>;
  /** Labels of the outputs of a classifier that are texts. */
  classTexts: Array<string>;
  /** What the model consists of. */
  steps: Array<string>;
  /** Bytes of weights, trees and constants in memory. */
  bytes: number;
}
