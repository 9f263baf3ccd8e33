/**
 * The key-value store in its simplest correct form: the oracle that real stores are compared with.
 *
 * Its state is one immutable sorted array; a commit makes a new array and a snapshot keeps an old one. Commits are
 * slow (they copy everything), and "durable" means kept in the `ReferencePlace` that the store was opened on.
 */
import {
  type Acknowledgement,
  type Durability,
  type KeyValueStore,
  type Packed,
  type PackedKey,
  type PackedOperation,
  type PackedRange,
  type PackedScan,
  packedMissing,
  type StoreControl,
  type StoreSnapshot,
  type StoreStats,
  VarveError,
  type VerifyReport,
  type ViewOptions,
} from '@varve/interfaces';
import { checkPacked, checkRange, compareBytes, invalid, keyBytes, unpackKeys } from './packed-key.js';

/** Longest key and value of the reference, bytes: as the embedded tier's. */
export const referenceLimits: { readonly keyBytesMax: number; readonly valueBytesMax: number } = {
  keyBytesMax: 65_535,
  valueBytesMax: 64 << 20,
};

/** What a key stands for. */
export interface ReferenceEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One moment of a store. */
export interface ReferenceState {
  readonly sequence: number;
  /** Ascending by key, without duplicates. */
  readonly entries: readonly ReferenceEntry[];
}

/** What outlives a store object: a directory, in memory. */
export class ReferencePlace {
  state: ReferenceState = { sequence: 0, entries: [] };
  foldedSequence = 0;
  owner: ReferenceStore | undefined;
}

/** A sorted map with the face of a store. */
export class ReferenceStore implements KeyValueStore {
  readonly #place: ReferencePlace;
  #commits = 0;
  #flushes = 0;
  #lookups = 0;
  readonly control: StoreControl = { journal: () => [], step: async () => {} };

  constructor(place: ReferencePlace) {
    this.#place = place;
  }

  /** Errors: `STORE_LOCKED` while another object has the place open. */
  async open(): Promise<void> {
    if (this.#place.owner === this) return;
    if (this.#place.owner !== undefined) {
      throw new VarveError('STORE_LOCKED', { message: 'another store object has this place open' });
    }
    this.#place.owner = this;
  }

  /** Lets go of the place. */
  async close(): Promise<void> {
    if (this.#place.owner === this) this.#place.owner = undefined;
  }

  /** A view of this moment. */
  snapshot(): StoreSnapshot {
    return new ReferenceSnapshot(this, this.#latest());
  }

  async commit(
    operations: Iterable<PackedOperation>,
    options: { readonly durability?: Durability } = {},
  ): Promise<Acknowledgement> {
    const latest = this.#latest();
    const { durability = 'synced' } = options;
    if (durability !== 'synced' && durability !== 'fast') throw invalid('durability is synced or fast');
    const changes = checkOperations(operations);
    this.#place.state = { sequence: latest.sequence + 1, entries: applied(latest.entries, changes) };
    this.#commits += 1;
    return { sequence: latest.sequence + 1, durability };
  }

  getInto(key: PackedKey, buffer: Uint8Array, options?: ViewOptions): number {
    const { entries } = this.#view(options);
    const wanted = keyBytes(key);
    if (!(buffer instanceof Uint8Array)) throw invalid('buffer is a Uint8Array');
    this.#lookups += 1;
    const value = valueOf(entries, wanted);
    if (value === undefined) return -1;
    if (value.length <= buffer.length) buffer.set(value);
    return value.length;
  }

  getManyPacked(
    keys: Uint8Array | BigUint64Array,
    offsets: Uint32Array | undefined,
    out: Packed,
    options?: ViewOptions,
  ): Packed {
    const { entries } = this.#view(options);
    const wanted = unpackKeys(keys, offsets);
    checkPacked(out, wanted.length);
    this.#lookups += wanted.length;
    reset(out);
    for (const key of wanted) {
      const value = valueOf(entries, key);
      if (!append(out, value ?? new Uint8Array(), out.count)) break;
      if (value === undefined) out.ends[out.count] = out.byteCount + packedMissing;
      else out.found += 1;
      out.count += 1;
    }
    out.done = out.count === wanted.length;
    return out;
  }

  scanPacked(range: PackedRange, out: Packed, options?: ViewOptions): Packed {
    return this.openScan(range, options).next(out);
  }

  openScan(range: PackedRange, options?: ViewOptions): PackedScan {
    const { entries } = this.#view(options);
    const { contains, reverse, limit, fields } = checkRange(range);
    const inRange = entries.filter(({ key }) => contains(key));
    const left = (reverse ? inRange.toReversed() : inRange).slice(0, limit);
    let isOpen = true;
    return {
      next: (out) => {
        this.#latest();
        if (!isOpen) throw closed('the scan');
        checkPacked(out, fields === 'both' ? 2 : 1);
        return fill(out, left, fields);
      },
      close() {
        isOpen = false;
      },
    };
  }

  stats(): StoreStats {
    const { sequence, entries } = this.#latest();
    const { foldedSequence } = this.#place;
    const isFolded = foldedSequence === sequence;
    const byteCount = entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    const [first] = entries;
    const last = entries.at(-1);
    return {
      sequence,
      foldedSequence,
      syncedSequence: sequence,
      memtableBytes: isFolded ? 0 : byteCount,
      memtableEntries: isFolded ? 0 : entries.length,
      frozenMemtables: 0,
      logBytes: 0,
      queuedBytes: 0,
      commits: this.#commits,
      groupCommits: this.#commits,
      syncs: this.#commits,
      flushes: this.#flushes,
      merges: 0,
      entriesWritten: 0,
      writingNs: 0,
      segmentBytesWritten: isFolded ? byteCount : 0,
      lookups: this.#lookups,
      sampledLookups: 0,
      sampledNs: 0,
      sampledNsSquared: 0,
      sampledDeltaNs: 0,
      segments:
        !isFolded || first === undefined || last === undefined
          ? []
          : [{ ...oneSegment, entryCount: entries.length, keyMin: first.key, keyMax: last.key }],
    };
  }

  async verify(): Promise<VerifyReport> {
    const { segments, memtableEntries } = this.stats();
    const entries = segments.reduce((sum, { entryCount }) => sum + entryCount, 0);
    return {
      segments: segments.length,
      blocks: segments.length,
      entries,
      logRecords: memtableEntries,
      damage: [],
    };
  }

  async flush(): Promise<void> {
    this.#place.foldedSequence = this.#latest().sequence;
    this.#flushes += 1;
  }

  async compact(): Promise<void> {
    await this.flush();
  }

  #latest(): ReferenceState {
    if (this.#place.owner !== this) throw closed('the store');
    return this.#place.state;
  }

  #view(options: ViewOptions = {}): ReferenceState {
    const latest = this.#latest();
    const { snapshot } = options;
    if (snapshot === undefined) return latest;
    if (!(snapshot instanceof ReferenceSnapshot && snapshot.store === this)) {
      throw invalid('the snapshot is not one of this store');
    }
    return snapshot.state;
  }
}

class ReferenceSnapshot implements StoreSnapshot {
  readonly store: ReferenceStore;
  readonly sequence: number;
  readonly #state: ReferenceState;
  #isOpen = true;

  constructor(store: ReferenceStore, state: ReferenceState) {
    this.store = store;
    this.sequence = state.sequence;
    this.#state = state;
  }

  get state(): ReferenceState {
    if (!this.#isOpen) throw closed('the snapshot');
    return this.#state;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }
}

const oneSegment = {
  id: 1,
  level: 0,
  tombstoneCount: 0,
  blockCount: 1,
  fileBytes: 0,
  filterBytes: 0,
  indexBytes: 0,
  indexKind: 'sparse-fences',
  indexErrorBound: 0,
  hardness: 0,
  predictedNs: 0,
  linesAtBuild: 1,
  sampledLookups: 0,
  sampledNs: 0,
  sampledLines: 0,
  falsePositives: 0,
} as const;

function closed(what: string): VarveError {
  return new VarveError('STORE_CLOSED', { message: `${what} is closed`, hint: 'open it again' });
}

/** Reads all operations, or throws and leaves everything as it was; an absent value deletes. */
function checkOperations(
  operations: Iterable<PackedOperation>,
): readonly { readonly key: Uint8Array; readonly value: Uint8Array | undefined }[] {
  if (typeof operations?.[Symbol.iterator] !== 'function') throw invalid('operations are not iterable');
  return Array.from(operations, (operation) => {
    const isPut = operation?.type === 'put';
    if (!isPut && operation?.type !== 'del') throw invalid('an operation is a put or a del');
    const key = keyBytes(operation.key).slice();
    if (key.length > referenceLimits.keyBytesMax) {
      throw new VarveError('KEY_TOO_LARGE', { message: `a key of ${key.length} bytes is over the limit` });
    }
    if (!isPut) return { key, value: undefined };
    if (!(operation.value instanceof Uint8Array)) throw invalid('a value is a Uint8Array');
    if (operation.value.length > referenceLimits.valueBytesMax) {
      const message = `a value of ${operation.value.length} bytes is over the limit`;
      throw new VarveError('VALUE_TOO_LARGE', { message });
    }
    return { key, value: operation.value.slice() };
  });
}

function applied(
  entries: readonly ReferenceEntry[],
  changes: readonly { readonly key: Uint8Array; readonly value: Uint8Array | undefined }[],
): readonly ReferenceEntry[] {
  const after = [...entries];
  for (const { key, value } of changes) {
    const at = positionOf(after, key);
    const isThere = isAt(after, at, key);
    after.splice(at, isThere ? 1 : 0, ...(value === undefined ? [] : [{ key, value }]));
  }
  return after;
}

/** First position whose key is >= `key`. */
function positionOf(entries: readonly ReferenceEntry[], key: Uint8Array): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle];
    if (entry !== undefined && compareBytes(entry.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isAt(entries: readonly ReferenceEntry[], at: number, key: Uint8Array): boolean {
  const entry = entries[at];
  return entry !== undefined && compareBytes(entry.key, key) === 0;
}

function valueOf(entries: readonly ReferenceEntry[], key: Uint8Array): Uint8Array | undefined {
  const at = positionOf(entries, key);
  return isAt(entries, at, key) ? entries[at]?.value : undefined;
}

function reset(out: Packed): void {
  out.count = 0;
  out.byteCount = 0;
  out.found = 0;
  out.done = false;
  out.bytesNeeded = 0;
}

/** Writes `bytes` as field `field`; false when they do not fit, with `bytesNeeded` set if nothing else did. */
function append(out: Packed, bytes: Uint8Array, field: number): boolean {
  const end = out.byteCount + bytes.length;
  if (end > out.bytes.length) {
    out.bytesNeeded = out.count === 0 ? bytes.length : 0;
    return false;
  }
  out.bytes.set(bytes, out.byteCount);
  out.ends[field] = end;
  out.byteCount = end;
  return true;
}

/** Moves as many of `left` as fit into `out`. */
function fill(out: Packed, left: ReferenceEntry[], fields: 'keys' | 'values' | 'both'): Packed {
  reset(out);
  const endsPerEntry = fields === 'both' ? 2 : 1;
  for (let [entry] = left; entry !== undefined; [entry] = left) {
    if ((out.count + 1) * endsPerEntry > out.ends.length) return out;
    const { key, value } = entry;
    const byteCount = (fields === 'values' ? 0 : key.length) + (fields === 'keys' ? 0 : value.length);
    if (out.byteCount + byteCount > out.bytes.length) {
      out.bytesNeeded = out.count === 0 ? byteCount : 0;
      return out;
    }
    const field = out.count * endsPerEntry;
    if (fields !== 'values') append(out, key, field);
    if (fields !== 'keys') append(out, value, field + endsPerEntry - 1);
    out.count += 1;
    left.shift();
  }
  out.done = true;
  return out;
}
