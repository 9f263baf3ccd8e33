/** Scans: every range option in both directions, limits, fields, and continuation in chunks of every size. */
import assert from 'node:assert/strict';
import { createPacked, type PackedRange } from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex, throwsCode, utf8 } from '../checks.js';
import { compareBytes, keyBytes } from '../reference/packed-key.js';
import { type StoreFactory, type StoreUnderTest, withStore } from './factory.js';
import { drain, type Scanned, scan, unpackScan } from './reading.js';

/** Keys that end, begin and continue each other, so that a bound that is off by one shows. */
const keys: readonly Uint8Array[] = [
  new Uint8Array(),
  Uint8Array.of(0),
  Uint8Array.of(0, 0),
  utf8('a'),
  utf8('a\0'),
  utf8('aa'),
  utf8('ab'),
  utf8('b'),
  utf8('ba'),
  Uint8Array.of(0x7f),
  Uint8Array.of(0x80),
  Uint8Array.of(0xff),
  Uint8Array.of(0xff, 0xff),
];

/** Bounds: each key itself, and places between, before and after keys. */
const bounds: readonly (Uint8Array | undefined)[] = [
  undefined,
  new Uint8Array(),
  Uint8Array.of(0),
  utf8('a'),
  utf8('a\0\0'),
  utf8('ab'),
  utf8('b'),
  utf8('c'),
  Uint8Array.of(0xff, 0xff),
  Uint8Array.of(0xff, 0xff, 0xff),
];

const ample = { byteCount: 4_096, endCount: 128 };

async function load(store: StoreUnderTest): Promise<void> {
  // Some entries are older versions, some are deleted again: only the newest state may show.
  const put = (key: Uint8Array, value: string) => ({ type: 'put' as const, key, value: utf8(value) });
  await store.commit(keys.map((key) => put(key, 'old')));
  await store.commit([put(utf8('gone'), 'x'), put(utf8('aaa'), 'x')]);
  await store.commit(keys.map((key) => put(key, `value of ${hex(key)}`)));
  await store.commit([
    { type: 'del', key: utf8('gone') },
    { type: 'del', key: utf8('aaa') },
  ]);
}

/** What a scan must give: the definition, applied to the loaded keys. */
function expected({
  gt,
  gte,
  lt,
  lte,
  reverse,
  limit = -1,
  fields = 'both',
}: PackedRange): readonly Scanned[] {
  const holds = (bound: PackedRange['gt'], accept: (order: number) => boolean) => (key: Uint8Array) =>
    bound === undefined || accept(compareBytes(key, keyBytes(bound)));
  const inRange = keys
    .filter(holds(gte === undefined ? gt : undefined, (order) => order > 0))
    .filter(holds(gte, (order) => order >= 0))
    .filter(holds(lte === undefined ? lt : undefined, (order) => order < 0))
    .filter(holds(lte, (order) => order <= 0));
  const ordered = reverse ? inRange.toReversed() : inRange;
  return ordered.slice(0, limit < 0 ? undefined : limit).map((key) => {
    const value = hex(utf8(`value of ${hex(key)}`));
    return [fields === 'values' ? undefined : hex(key), fields === 'keys' ? undefined : value];
  });
}

/** `check` for the state in memory, in a segment, in both, and in one segment. */
async function inEveryForm(store: StoreUnderTest, check: (form: string) => void): Promise<void> {
  await load(store);
  check('memtable');
  await store.flush();
  check('segment');
  await load(store);
  check('segment and memtable');
  await store.flush();
  check('segments');
  await store.compact();
  check('compacted');
}

export const scanCases: readonly Case<StoreFactory>[] = [
  {
    name: 'a scan yields exactly the keys between its bounds, in both directions',
    run: (factory) =>
      withStore(factory, (store) =>
        inEveryForm(store, (form) => {
          for (const low of bounds) {
            for (const high of bounds) {
              for (const [lower, upper] of [
                ['gt', 'lt'],
                ['gte', 'lte'],
                ['gt', 'lte'],
                ['gte', 'lt'],
              ] as const) {
                for (const reverse of [false, true]) {
                  const range: PackedRange = {
                    ...(low && { [lower]: low }),
                    ...(high && { [upper]: high }),
                    reverse,
                  };
                  const what = `${form}, ${lower} ${low && hex(low)}, ${upper} ${high && hex(high)}, ${reverse}`;
                  assert.deepEqual(scan(store, range, ample), expected(range), what);
                }
              }
            }
          }
        }),
      ),
  },
  {
    name: 'gte wins over gt, and lte over lt',
    run: (factory) =>
      withStore(factory, async (store) => {
        await load(store);
        for (const reverse of [false, true]) {
          for (const wide of [new Uint8Array(), utf8('b')]) {
            const low = { gte: utf8('a'), gt: wide, reverse };
            assert.deepEqual(scan(store, low, ample), expected(low));
            const high = { lte: utf8('b'), lt: wide, reverse };
            assert.deepEqual(scan(store, high, ample), expected(high));
          }
        }
      }),
  },
  {
    name: 'limit and fields hold for every size of chunk',
    run: (factory) =>
      withStore(factory, (store) =>
        inEveryForm(store, (form) => {
          for (const fields of ['keys', 'values', 'both'] as const) {
            for (const limit of [0, 1, 2, 5, keys.length, 1_000, -1]) {
              for (const reverse of [false, true]) {
                for (const size of [
                  ample,
                  { byteCount: 24, endCount: 128 },
                  { byteCount: 4_096, endCount: 2 },
                ]) {
                  const range: PackedRange = { gt: new Uint8Array(), fields, limit, reverse };
                  const what = `${form}, ${fields}, limit ${limit}, reverse ${reverse}, ${JSON.stringify(size)}`;
                  assert.deepEqual(scan(store, range, size), expected(range), what);
                }
              }
            }
          }
        }),
      ),
  },
  {
    name: 'scanPacked gives the first entries, and tells whether they were all',
    run: (factory) =>
      withStore(factory, async (store) => {
        await load(store);
        const all = createPacked(ample);
        assert.equal(store.scanPacked({}, all), all);
        assert.deepEqual(unpackScan(all, 'both'), expected({}));
        assert.equal(all.done, true);
        const few = store.scanPacked({}, createPacked({ byteCount: 4_096, endCount: 7 }));
        assert.deepEqual(unpackScan(few, 'both'), expected({ limit: 3 }), 'an odd end is left over');
        assert.equal(few.done, false);
        const none = store.scanPacked({ gt: utf8('x'), lt: utf8('y') }, createPacked(ample));
        assert.deepEqual([none.count, none.byteCount, none.bytesNeeded, none.done], [0, 0, 0, true]);
      }),
  },
  {
    name: 'an entry that does not fit is not lost: bytesNeeded tells its size and the scan goes on with it',
    run: (factory) =>
      withStore(factory, async (store) => {
        const large = new Uint8Array(5_000).fill(1);
        await store.commit([
          { type: 'put', key: 1, value: utf8('small') },
          { type: 'put', key: 2, value: large },
          { type: 'put', key: 3, value: utf8('small') },
        ]);
        for (const settle of [async () => {}, () => store.flush()]) {
          await settle();
          for (const reverse of [false, true]) {
            const cursor = store.openScan({ reverse });
            const small = createPacked({ byteCount: 64, endCount: 8 });
            assert.equal(cursor.next(small).count, 1);
            assert.deepEqual([small.done, small.bytesNeeded], [false, 0]);
            assert.equal(cursor.next(small).count, 0);
            assert.deepEqual([small.done, small.byteCount, small.bytesNeeded], [false, 0, 5_008]);
            const rest = drain(cursor, 'both', { byteCount: 5_008, endCount: 8 });
            assert.deepEqual(
              rest.map(([, value]) => value?.length),
              [10_000, 10],
            );
            cursor.close();
          }
        }
      }),
  },
  {
    name: 'bounds may be integers',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit(
          Array.from({ length: 300 }, (_, key) => ({ type: 'put', key: key * 3, value: utf8(`${key}`) })),
        );
        const count = (range: PackedRange): number => scan(store, range, ample).length;
        assert.equal(count({ gte: 30, lt: 60n }), 10);
        assert.equal(count({ gt: 30n, lte: 60 }), 10);
        assert.equal(count({ gte: 31, lte: 32 }), 0);
        assert.equal(count({ gte: 2n ** 64n - 1n }), 0);
      }),
  },
  {
    name: 'a scan shows the moment at which it was opened',
    run: (factory) =>
      withStore(factory, async (store) => {
        await load(store);
        const cursor = store.openScan({ fields: 'keys' });
        const first = unpackScan(cursor.next(createPacked({ byteCount: 100, endCount: 2 })), 'keys');
        await store.commit(keys.map((key) => ({ type: 'del', key })));
        await store.flush();
        await store.compact();
        const rest = drain(cursor, 'keys', ample);
        assert.deepEqual([...first, ...rest], expected({ fields: 'keys' }));
        cursor.close();
        assert.deepEqual(scan(store, {}, ample), []);
      }),
  },
  {
    name: 'a scan stays at its end, and is closed once and for all',
    run: (factory) =>
      withStore(factory, async (store) => {
        await load(store);
        const cursor = store.openScan({ limit: 2 });
        const out = createPacked(ample);
        assert.deepEqual([cursor.next(out).count, out.done], [2, true]);
        assert.deepEqual([cursor.next(out).count, out.done], [0, true]);
        cursor.close();
        cursor.close();
        throwsCode('STORE_CLOSED', () => cursor.next(out));
      }),
  },
];
