/**
 * The key-value store: abstract-level's whole API over the native engine, and what the contract adds to it.
 *
 * It is not a server and holds no data itself: reads are native calls on the JavaScript thread (memory-mapped, they
 * wait only for pages that are not in memory), writes are packed batches handed to a log that has its own thread.
 *
 * Invariants
 * 1. A write is acknowledged only by its log; with `synced`, the default, it then survives power loss.
 * 2. Everything that crosses to the native side is copied before the call returns: callers own their buffers.
 * 3. Errors are `VarveError`s, except those that abstract-level itself throws (`LEVEL_…`); its "failed to open" keeps
 *    ours as `cause`.
 */

import {
  type Acknowledgement,
  type Controller,
  type Durability,
  type IndexPolicy,
  type KeyValueStore,
  type Packed,
  type PackedKey,
  type PackedOperation,
  type PackedRange,
  type PackedScan,
  type RepairReport,
  requireObject,
  requirePath,
  type StoreSnapshot,
  type StoreStats,
  VarveError,
  type VerifyReport,
  type ViewOptions,
} from '@varve/interfaces';
import {
  binding,
  type KeyRange,
  type NativeCursor,
  type StoreEvent as NativeEvent,
  unwrap,
} from '@varve/native-embedded';
import {
  type AbstractBatchOperation,
  type AbstractBatchOptions,
  type AbstractChainedBatch,
  type AbstractClearOptions,
  type AbstractDatabaseOptions,
  type AbstractDelOptions,
  AbstractLevel,
  type AbstractPutOptions,
  type AbstractSnapshot,
} from 'abstract-level';
import { BatchBuilder } from './batch-builder.js';
import { type RunningControl, startControl } from './control/running-control.js';
import { type IndexCurve, type IndexTrial, readCurves, tryIndexes } from './index-study.js';
import { CursorIterator, type Format, type IteratorOptions } from './iterator.js';
import { keyBytes } from './key-bytes.js';
import { damagedLog, type OpenStore, openStore } from './open-store.js';
import {
  durabilityOf,
  logOf,
  type RepairOptions,
  readOptions,
  type Settings,
  type StoreOptions,
} from './options.js';
import { CursorScan, getManyPacked } from './packed-reads.js';
import { PointReads } from './point-reads.js';
import { repairLevelStore } from './repair-level.js';
import { eventOf, repairReportOf, statsOf, verifyReportOf } from './report.js';
import { Snapshot, snapshotOf } from './snapshot.js';

/** Options of the constructor: abstract-level's encodings, and ours. */
export type VarveStoreOptions<K, V> = StoreOptions & AbstractDatabaseOptions<K, V>;

/** What a write takes besides abstract-level's options. */
export interface WriteOptions {
  /** What it waits for; by default what the store was opened with. */
  readonly durability?: Durability;
}

/** What abstract-level hands to the private methods. */
interface ReadOptions {
  readonly keyEncoding?: Format;
  readonly valueEncoding: Format;
  /** Of any store: `snapshotOf` tells. */
  readonly snapshot?: unknown;
}
interface BatchOperation {
  readonly type: 'put' | 'del';
  readonly key: Bytes;
  readonly value: Bytes;
}
type Bytes = string | Uint8Array;
interface RangeOptions extends Partial<Record<'gt' | 'gte' | 'lt' | 'lte', Bytes>> {
  readonly reverse: boolean;
  readonly limit: number;
  readonly snapshot?: unknown;
}

/** Keys deleted per commit of `clear`. */
const clearKeys = 4096;

const manifest = {
  encodings: { utf8: true, buffer: true, view: true },
  implicitSnapshots: true,
  explicitSnapshots: true,
  has: true,
  getSync: true,
  seek: true,
  permanence: true,
  createIfMissing: true,
  errorIfExists: true,
  streams: false,
  events: { progress: true, flush: true, merge: true, 'background-failed': true, poisoned: true },
  signals: { iterators: true },
  additionalMethods: {
    commit: true,
    getInto: true,
    getManyPacked: true,
    scanPacked: true,
    openScan: true,
    stats: true,
    verify: true,
    flush: true,
    compact: true,
    approximateSize: true,
    tryIndexes: true,
    indexCurves: true,
  },
};

/** What exists only while the store is open. */
interface Open extends OpenStore {
  readonly reads: PointReads;
  readonly settings: Settings;
  readonly control: RunningControl;
}

/** abstract-level's writes, which take a durability here; its own types do not know of it. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- declares no field, and methods only that are there
export interface VarveStore<K = string, V = string> {
  /** Stores a value under a key, in place of an earlier one. */
  put(key: K, value: V): Promise<void>;
  /** The same with encodings and a durability of its own. */
  put<PK = K, PV = V>(key: PK, value: PV, options: AbstractPutOptions<PK, PV> & WriteOptions): Promise<void>;
  /** Deletes a key; one that is not there is deleted already. */
  del(key: K): Promise<void>;
  /** The same with an encoding and a durability of its own. */
  del<PK = K>(key: PK, options: AbstractDelOptions<PK> & WriteOptions): Promise<void>;
  /** Applies all operations as one commit, or none. */
  batch(operations: AbstractBatchOperation<this, K, V>[]): Promise<void>;
  /** The same with encodings and a durability of its own. */
  batch<PK = K, PV = V>(
    operations: AbstractBatchOperation<this, PK, PV>[],
    options: AbstractBatchOptions<PK, PV> & WriteOptions,
  ): Promise<void>;
  /** A batch to which operations are added one by one; its `write` takes a durability. */
  batch(): AbstractChainedBatch<this, K, V>;
  /** Deletes everything, in commits of some thousand keys. */
  clear(): Promise<void>;
  /** Deletes a range, in commits of some thousand keys. */
  clear<PK = K>(options: AbstractClearOptions<PK> & WriteOptions): Promise<void>;
}

/** A store in the directory `location`. Opens by itself, as every abstract-level does; `open()` waits for it. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- as above
export class VarveStore<K = string, V = string>
  extends AbstractLevel<Uint8Array, K, V>
  implements KeyValueStore
{
  readonly location: string;
  /** Absent while it is in use: what a caller's iterable writes meanwhile gets a builder of its own. */
  #spareBatch: BatchBuilder | undefined = new BatchBuilder();
  #open: Open | undefined;

  constructor(location: string, options: VarveStoreOptions<K, V> = {}) {
    requirePath(location, 'the location of a store');
    requireObject(options, 'the options of a store');
    super(manifest, options);
    this.location = location;
  }

  commit(operations: Iterable<PackedOperation>, options?: WriteOptions): Promise<Acknowledgement> {
    return this.#write(options, (batch) => {
      if (typeof operations?.[Symbol.iterator] !== 'function')
        throw new VarveError('ARGUMENT_INVALID', { message: 'the operations are not iterable' });
      for (const operation of operations) {
        if (operation?.type === 'put') batch.put(operation.key, operation.value);
        else if (operation?.type === 'del') batch.del(operation.key);
        else throw new VarveError('ARGUMENT_INVALID', { message: 'an operation is neither put nor del' });
      }
    });
  }

  getInto(key: PackedKey, buffer: Uint8Array, options?: ViewOptions): number {
    return this.#readsOf(options?.snapshot).getInto(key, buffer);
  }

  getManyPacked(
    keys: Uint8Array | BigUint64Array,
    offsets: Uint32Array | undefined,
    out: Packed,
    options?: ViewOptions,
  ): Packed {
    return getManyPacked(this.#opened().store, snapshotOf(this, options?.snapshot)?.view, keys, offsets, out);
  }

  scanPacked(range: PackedRange, out: Packed, options?: ViewOptions): Packed {
    const scan = this.openScan(range, options);
    try {
      return scan.next(out);
    } finally {
      scan.close();
    }
  }

  openScan(range: PackedRange, options?: ViewOptions): PackedScan {
    const open = this.#opened();
    return new CursorScan(open.store, snapshotOf(this, options?.snapshot)?.view, range, () => {
      if (this.#open !== open) throw notOpen();
    });
  }

  /** A consistent view of this moment, for every kind of read; see `StoreSnapshot`. */
  override snapshot(options?: object): AbstractSnapshot & StoreSnapshot {
    return super.snapshot(options) as Snapshot;
  }

  /** The self-tuning loop: its journal, and `step` and `request` for those who drive it themselves. */
  get control(): Controller {
    return this.#opened().control.controller;
  }

  stats(): StoreStats {
    const { store, logStats } = this.#opened();
    return statsOf(store.stats(), logStats?.());
  }

  async verify(): Promise<VerifyReport> {
    const { store, verifyLog } = this.#opened();
    const report = verifyReportOf(unwrap(await store.verify()));
    if (verifyLog === undefined) return report;
    const { logRecords, damage } = await verifyLog();
    return { ...report, logRecords, damage: [...report.damage, ...damage] };
  }

  async flush(): Promise<void> {
    unwrap(await this.#opened().store.flush());
  }

  async compact(): Promise<void> {
    unwrap(await this.#opened().store.compact());
  }

  /**
   * Builds and times indexes of `policies` beside the live one of every segment, in the order of `stats`, and a plain binary
   * search. What serves reads is not touched. Cost: about 0.5 µs per separator and policy, on a thread of its own.
   */
  async tryIndexes(policies: readonly IndexPolicy[]): Promise<readonly IndexTrial[]> {
    return tryIndexes(this.#opened().store, policies);
  }

  /**
   * How the index of every segment, in the order of `stats`, maps keys to positions: at most `pointCountMax` separators each,
   * beside what the live model expects, or the one that `policy` would build.
   */
  async indexCurves(pointCountMax: number, policy?: IndexPolicy): Promise<readonly IndexCurve[]> {
    return readCurves(this.#opened().store, pointCountMax, policy);
  }

  /** Bytes that the entries of `[start, end)` take in segments, from the index alone. */
  approximateSize(start: PackedKey | string, end: PackedKey | string): number {
    return this.#opened().store.approximateSize(keyBytes(start), keyBytes(end));
  }

  async _open(options: StoreOptions): Promise<void> {
    const settings = readOptions(options);
    const opened = await openStore(this.location, settings, this.#onEvent);
    try {
      const control = await startControl(
        {
          location: this.location,
          native: opened.store,
          compact: async () => unwrap(await opened.store.compact()),
          onError: (error) =>
            this.emit('background-failed', { type: 'background-failed', job: 'merge', error }),
        },
        settings.control,
      );
      this.#open = { ...opened, settings, control, reads: new PointReads(opened.store) };
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  async _close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    open.control.stop();
    try {
      await open.close();
    } finally {
      // A step under way learns from the closed store that it is over.
      await open.control.settled();
    }
  }

  async _get(key: Bytes, options: ReadOptions): Promise<Bytes | undefined> {
    return this._getSync(key, options);
  }

  _getSync(key: Bytes, { snapshot, valueEncoding }: ReadOptions): Bytes | undefined {
    const reads = this.#readsOf(snapshot ?? undefined);
    return valueEncoding === 'utf8' ? reads.getText(key) : reads.get(key);
  }

  async _getMany(keys: readonly Bytes[], options: ReadOptions): Promise<(Bytes | undefined)[]> {
    return keys.map((key) => this._getSync(key, options));
  }

  async _has(key: Bytes, { snapshot }: ReadOptions): Promise<boolean> {
    return this.#readsOf(snapshot ?? undefined).has(key);
  }

  async _hasMany(keys: readonly Bytes[], { snapshot }: ReadOptions): Promise<boolean[]> {
    const reads = this.#readsOf(snapshot ?? undefined);
    return keys.map((key) => reads.has(key));
  }

  async _put(key: Bytes, value: Bytes, options: WriteOptions): Promise<void> {
    await this.#write(options, (batch) => batch.put(key, value));
  }

  async _del(key: Bytes, options: WriteOptions): Promise<void> {
    await this.#write(options, (batch) => batch.del(key));
  }

  async _batch(operations: readonly BatchOperation[], options: WriteOptions): Promise<void> {
    await this.#write(options, (batch) => {
      for (const { type, key, value } of operations) {
        if (type === 'put') batch.put(key, value);
        else batch.del(key);
      }
    });
  }

  async _clear(options: RangeOptions & WriteOptions): Promise<void> {
    const { store } = this.#opened();
    const cursor = unwrap(
      store.cursor(rangeOf(options), snapshotOf(this, options.snapshot ?? undefined)?.view),
    );
    try {
      const filled = new Uint32Array(4);
      let [bytes, ends] = [Buffer.allocUnsafe(256 * 1024), new Uint32Array(clearKeys)];
      for (let done = false; !done; ) {
        unwrap(cursor.fill(0, bytes, ends, filled));
        const [count = 0, , end = 0, bytesNeeded = 0] = filled;
        if (count === 0 && bytesNeeded > 0) bytes = Buffer.allocUnsafe(bytesNeeded);
        done = end === 1;
        if (count > 0)
          await this.#write(options, (batch) => {
            for (let at = 0; at < count; at++)
              batch.del(bytes.subarray(at === 0 ? 0 : (ends[at - 1] as number), ends[at] as number));
          });
      }
    } finally {
      cursor.close();
    }
  }

  _iterator(options: IteratorOptions & RangeOptions): CursorIterator<K, V> {
    // abstract-level counts the limit itself, over seeks too.
    return new CursorIterator(this, options, this.#cursorOf(options));
  }

  _snapshot({ owner }: { readonly owner: AbstractLevel<Uint8Array, unknown, unknown> }): Snapshot {
    return new Snapshot(this, this.#opened().store, owner);
  }

  /** The cursor of an iterator; without one, what its reads throw, or nothing when abstract-level throws itself. */
  #cursorOf(options: IteratorOptions & RangeOptions): NativeCursor | VarveError | undefined {
    const { store } = this.#opened();
    try {
      const snapshot = snapshotOf(this, options.snapshot ?? undefined);
      if (snapshot?.isOpen === false) return undefined;
      return unwrap(store.cursor(rangeOf({ ...options, limit: -1 }), snapshot?.view));
    } catch (error) {
      // Thrown from here it would end the opening of a store whose iterators wait for it.
      if (error instanceof VarveError) return error;
      throw error;
    }
  }

  /** Packs one batch and hands it to the log. */
  async #write(
    options: WriteOptions | undefined,
    pack: (batch: BatchBuilder) => void,
  ): Promise<Acknowledgement> {
    const { writer, settings } = this.#opened();
    const durability = durabilityOf(options?.durability, settings.durability);
    const batch = this.#spareBatch ?? new BatchBuilder();
    this.#spareBatch = undefined;
    try {
      pack(batch);
      return writer.write(batch.finish(), durability);
    } finally {
      batch.reset();
      this.#spareBatch = batch;
    }
  }

  /** A method: V8 leaves its compiled code for every private getter, three times the cost of this call. */
  #opened(): Open {
    if (this.#open === undefined) throw notOpen();
    return this.#open;
  }

  #readsOf(snapshot: unknown): PointReads {
    return snapshot === undefined
      ? this.#opened().reads
      : (snapshotOf(this, snapshot)?.reads ?? this.#opened().reads);
  }

  readonly #onEvent = (native: NativeEvent): void => {
    const event = eventOf(native);
    if (event !== undefined) this.emit(event.type, event);
  };
}

/**
 * Salvages a damaged store in place and says exactly what is gone. The store must not be open.
 *
 * @throws VarveError `STORE_LOCKED`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`, those of the disk, and `ARGUMENT_INVALID` when
 *   the store has another log than `options.log`; the store still holds everything that it held before
 */
export async function repairStore(location: string, options: RepairOptions = {}): Promise<RepairReport> {
  requirePath(location, 'the location of a store');
  requireObject(options, 'the options of a repair');
  const own: RepairOptions = Object.assign(Object.create(null), options);
  return damagedLog(location, logOf(own.log)) === 'level'
    ? repairLevelStore(location)
    : repairReportOf(unwrap(await binding.repairStore(location)));
}

function notOpen(): VarveError {
  return new VarveError('STORE_CLOSED', { message: 'the store is not open', hint: 'await db.open() first' });
}

function rangeOf({ gt, gte, lt, lte, reverse, limit }: RangeOptions): KeyRange {
  const range: KeyRange = { reverse, limit };
  if (gt !== undefined) range.gt = keyBytes(gt);
  if (gte !== undefined) range.gte = keyBytes(gte);
  if (lt !== undefined) range.lt = keyBytes(lt);
  if (lte !== undefined) range.lte = keyBytes(lte);
  return range;
}
