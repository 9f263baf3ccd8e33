/**
 * The suite itself under test: each store here breaks the contract in one way, and a named case must notice.
 *
 * A row that no case fails on is a hole in the suite.
 */
import { keyValueStoreCases, type ReferencePlace, ReferenceStore } from '@varve/conformance';
import type {
  Acknowledgement,
  Durability,
  Packed,
  PackedKey,
  PackedOperation,
  PackedRange,
  PackedScan,
  StoreSnapshot,
  StoreStats,
  VerifyReport,
  ViewOptions,
} from '@varve/interfaces';
import { describe, expect, it } from 'vitest';
import { referenceFactory } from './reference-store.js';

type Options = { readonly durability?: Durability };
type Keys = Uint8Array | BigUint64Array;

/** A store that rewrites every range before it is scanned. */
function ranging(rewrite: (range: PackedRange) => PackedRange): typeof ReferenceStore {
  return class extends ReferenceStore {
    override openScan(range: PackedRange, options?: ViewOptions): PackedScan {
      return super.openScan(range === null ? range : rewrite(range), options);
    }
  };
}

/** A store that rewrites every list of operations before it is committed. */
function committing(
  rewrite: (operations: readonly PackedOperation[], store: ReferenceStore) => readonly PackedOperation[],
): typeof ReferenceStore {
  return class extends ReferenceStore {
    override commit(operations: Iterable<PackedOperation>, options?: Options): Promise<Acknowledgement> {
      const isList = Array.isArray(operations);
      return super.commit(
        isList ? rewrite(operations as readonly PackedOperation[], this) : operations,
        options,
      );
    }
  };
}

/** A store whose packed many-reads come out changed. */
function manyReading(spoil: (out: Packed, keyCount: number) => void): typeof ReferenceStore {
  return class extends ReferenceStore {
    override getManyPacked(
      keys: Keys,
      offsets: Uint32Array | undefined,
      out: Packed,
      options?: ViewOptions,
    ): Packed {
      super.getManyPacked(keys, offsets, out, options);
      spoil(out, offsets?.length ?? keys.length);
      return out;
    }
  };
}

/** A store whose scans come out changed. */
function scanning(spoil: (next: (out: Packed) => Packed) => (out: Packed) => Packed): typeof ReferenceStore {
  return class extends ReferenceStore {
    override openScan(range: PackedRange, options?: ViewOptions): PackedScan {
      const scan = super.openScan(range, options);
      return { next: spoil((out) => scan.next(out)), close: () => scan.close() };
    }
  };
}

/** A store whose point reads come out changed. */
function reading(
  spoil: (get: () => number, buffer: Uint8Array, key: PackedKey) => number,
): typeof ReferenceStore {
  return class extends ReferenceStore {
    override getInto(key: PackedKey, buffer: Uint8Array, options?: ViewOptions): number {
      return spoil(() => super.getInto(key, buffer, options), buffer, key);
    }
  };
}

function acknowledging(spoil: (acknowledged: Acknowledgement) => Acknowledgement): typeof ReferenceStore {
  return class extends ReferenceStore {
    override async commit(
      operations: Iterable<PackedOperation>,
      options?: Options,
    ): Promise<Acknowledgement> {
      return spoil(await super.commit(operations, options));
    }
  };
}

const isBytes = (key: unknown): key is Uint8Array => key instanceof Uint8Array;

/** What is broken, the broken store, and words of a case that must notice. */
const faults: readonly (readonly [string, new (place: ReferencePlace) => ReferenceStore, RegExp])[] = [
  [
    'commits start at 0',
    acknowledging((ack) => ({ ...ack, sequence: ack.sequence - 1 })),
    /numbered 1, 2, 3/,
  ],
  ['claims synced for fast', acknowledging((ack) => ({ ...ack, durability: 'synced' })), /synced by default/],
  ['claims fast for synced', acknowledging((ack) => ({ ...ack, durability: 'fast' })), /synced by default/],
  ['the first operation wins', committing((list) => list.toReversed()), /later operations/],
  ['loses the last operation', committing((list) => list.slice(0, -1)), /later operations/],
  [
    'loses deletes',
    committing((list) => list.filter(({ type }) => type !== 'del')),
    /deleting a missing key/,
  ],
  [
    'empty keys get lost',
    committing((list) => list.filter(({ key }) => !isBytes(key) || key.length > 0)),
    /keys and values may be empty/,
  ],
  [
    'integer keys order as text',
    committing((list) =>
      list.map((operation) =>
        isBytes(operation?.key) ? operation : { ...operation, key: Buffer.from(`${operation?.key}`) },
      ),
    ),
    /an integer key is its 8 bytes/,
  ],
  [
    'gt includes its key',
    ranging(({ gt, ...rest }) => ({ ...rest, ...(gt && { gte: gt }) })),
    /between its bounds/,
  ],
  [
    'lt includes its key',
    ranging(({ lt, ...rest }) => ({ ...rest, ...(lt && { lte: lt }) })),
    /between its bounds/,
  ],
  [
    'lte excludes its key',
    ranging(({ lte, ...rest }) => ({ ...(lte && { lt: lte }), ...rest })),
    /between its/,
  ],
  [
    'gt wins over gte',
    ranging(({ gte, ...rest }) => (rest.gt ? rest : { ...rest, ...(gte && { gte }) })),
    /gte wins/,
  ],
  ['ignores reverse', ranging(({ reverse: _, ...rest }) => rest), /between its bounds/],
  ['ignores the limit', ranging(({ limit: _, ...rest }) => rest), /limit and fields hold/],
  [
    'a limit of 0 means all',
    ranging((range) => (range.limit === 0 ? { ...range, limit: -1 } : range)),
    /limit and/,
  ],
  ['ignores fields', ranging(({ fields: _, ...rest }) => rest), /limit and fields hold/],
  [
    'inherits from __proto__ in options',
    ranging((range) => Object.assign({}, range)),
    /__proto__ in options/,
  ],
  [
    'a scan skips what did not fit',
    scanning((next) => (out) => {
      next(out);
      if (out.count === 0 && !out.done)
        next({ ...out, bytes: new Uint8Array(1 << 16), ends: new Uint32Array(2) });
      return out;
    }),
    /an entry that does not fit is not lost/,
  ],
  [
    'a scan says done with every chunk',
    scanning((next) => (out) => Object.assign(next(out), { done: true })),
    /limit and fields hold/,
  ],
  [
    'a scan forgets bytesNeeded',
    scanning((next) => (out) => Object.assign(next(out), { bytesNeeded: 0 })),
    /an entry that does not fit/,
  ],
  ['get cuts a value to the buffer', reading((get, buffer) => Math.min(get(), buffer.length)), /too small/],
  [
    'get spoils a buffer that is too small',
    reading((get, buffer) => {
      const length = get();
      if (length > buffer.length) buffer.fill(0);
      return length;
    }),
    /too small/,
  ],
  ['an empty value looks missing', reading((get) => get() || -1), /0 for an empty value/],
  [
    'a prefix of a key hits',
    class extends ReferenceStore {
      override getInto(key: PackedKey, buffer: Uint8Array, options?: ViewOptions): number {
        const length = super.getInto(key, buffer, options);
        return length === -1 && isBytes(key) && key.length > 3
          ? super.getInto(key.subarray(0, 3), buffer, options)
          : length;
      }
    },
    /-1 for a missing key/,
  ],
  [
    'found counts missing keys',
    manyReading((out) => Object.assign(out, { found: out.count })),
    /answers every key/,
  ],
  ['many-read is always done', manyReading((out) => Object.assign(out, { done: true })), /stops early/],
  [
    'many-read does not mark missing keys',
    manyReading((out) => {
      for (let at = 0; at < out.count; at += 1) out.ends[at] = (out.ends[at] ?? 0) & 0x7fff_ffff;
    }),
    /answers every key/,
  ],
  [
    'many-read answers one key fewer',
    manyReading((out) => Object.assign(out, { count: out.count - 1 })),
    /answers/,
  ],
  [
    'a snapshot shows the latest state',
    class extends ReferenceStore {
      override getInto(key: PackedKey, buffer: Uint8Array, options?: ViewOptions): number {
        super.getInto(key, buffer, options);
        return super.getInto(key, buffer);
      }
    },
    /through commits, flushes and merges/,
  ],
  [
    'a scan on a snapshot shows the latest state',
    class extends ReferenceStore {
      override openScan(range: PackedRange): PackedScan {
        return super.openScan(range);
      }
    },
    /through commits, flushes and merges/,
  ],
  [
    'a closed snapshot goes on answering',
    class extends ReferenceStore {
      override snapshot(): StoreSnapshot {
        const snapshot = super.snapshot();
        snapshot.close = async () => {};
        return snapshot;
      }
    },
    /a closed snapshot/,
  ],
  [
    'forgets everything at close',
    class extends ReferenceStore {
      readonly #kept: ReferencePlace;
      constructor(place: ReferencePlace) {
        super(place);
        this.#kept = place;
      }
      override async close(): Promise<void> {
        await super.close();
        this.#kept.state = { sequence: 0, entries: [] };
      }
    },
    /keeps everything over close and open/,
  ],
  [
    'two stores own one place',
    class extends ReferenceStore {
      readonly #shared: ReferencePlace;
      constructor(place: ReferencePlace) {
        super(place);
        this.#shared = place;
      }
      override async open(): Promise<void> {
        this.#shared.owner = undefined;
        await super.open();
      }
    },
    /STORE_LOCKED/,
  ],
  [
    'answers after close',
    class extends ReferenceStore {
      override getInto(key: PackedKey, buffer: Uint8Array, options?: ViewOptions): number {
        try {
          return super.getInto(key, buffer, options);
        } catch {
          return -1;
        }
      }
    },
    /a closed store answers STORE_CLOSED/,
  ],
  [
    'flush does nothing',
    class extends ReferenceStore {
      override async flush(): Promise<void> {}
    },
    /flush folds everything/,
  ],
  [
    'sees damage where there is none',
    class extends ReferenceStore {
      override async verify(): Promise<VerifyReport> {
        return { ...(await super.verify()), damage: [{ file: 'a', offset: 0, what: 'planted' }] };
      }
    },
    /finds nothing wrong/,
  ],
  [
    'stats hold NaN',
    class extends ReferenceStore {
      override stats(): StoreStats {
        return { ...super.stats(), sampledNs: Number.NaN };
      }
    },
    /finite numbers/,
  ],
  [
    'throws a bare TypeError for a bad key',
    reading((get, _, key) => {
      if (typeof key === 'boolean') throw new TypeError('bad key');
      return get();
    }),
    /refused by every call/,
  ],
  [
    'one key in many goes stale',
    committing((list, store) =>
      list.filter(
        ({ key, type }) =>
          type === 'del' || !isBytes(key) || key.length < 13 || store.getInto(key, new Uint8Array(0)) === -1,
      ),
    ),
    /random histories/,
  ],
];

describe('a planted fault', () => {
  for (const [what, Store, noticedBy] of faults) {
    it(`is noticed: ${what}`, async () => {
      const noticed: string[] = [];
      const named = keyValueStoreCases.filter(({ name }) => noticedBy.test(name));
      expect(named.length).toBeGreaterThan(0);
      for (const { name, run } of named) {
        await run(referenceFactory(Store)).catch(() => noticed.push(name));
      }
      expect(noticed.length).toBeGreaterThan(0);
    });
  }
});
