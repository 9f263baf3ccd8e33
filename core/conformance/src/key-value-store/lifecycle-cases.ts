/** Opening, closing, one owner, and what the store tells of itself. */
import assert from 'node:assert/strict';
import { createPacked, type StoreStats } from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex, rejectsCode, throwsCode, utf8 } from '../checks.js';
import { type StoreFactory, withStore } from './factory.js';
import { read, scan } from './reading.js';

/** Every number in a reading, by its path. */
function numbersIn(stats: StoreStats): readonly (readonly [string, number])[] {
  const ofSegments = stats.segments.flatMap((segment, at) =>
    Object.entries(segment).map(([name, value]) => [`segments.${at}.${name}`, value] as const),
  );
  return [...Object.entries(stats), ...ofSegments].filter(
    (field): field is [string, number] => typeof field[1] === 'number',
  );
}

export const lifecycleCases: readonly Case<StoreFactory>[] = [
  {
    name: 'a store keeps everything over close and open, and goes on numbering',
    run: async (factory) => {
      const place = await factory.place();
      for (let turn = 0; turn < 5; turn += 1) {
        const store = factory.create(place);
        await store.open();
        for (let earlier = 0; earlier < turn; earlier += 1) {
          assert.equal(read(store, utf8(`synced ${earlier}`)), hex(utf8(`${earlier}`)));
          assert.equal(
            read(store, utf8(`fast ${earlier}`)),
            hex(utf8(`${earlier}`)),
            'fast survives a close',
          );
        }
        const value = utf8(`${turn}`);
        const synced = await store.commit([{ type: 'put', key: utf8(`synced ${turn}`), value }]);
        assert.equal(synced.sequence, 2 * turn + 1);
        if (turn === 1) await store.flush();
        if (turn === 3) await store.compact();
        const fast = { durability: 'fast' } as const;
        assert.equal(
          (await store.commit([{ type: 'put', key: utf8(`fast ${turn}`), value }], fast)).sequence,
          2 * turn + 2,
        );
        await store.close();
      }
    },
  },
  {
    name: 'one store object can be opened again after it was closed',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit([{ type: 'put', key: 1, value: utf8('kept') }]);
        await store.close();
        await store.open();
        assert.equal(read(store, 1), hex(utf8('kept')));
        assert.equal((await store.commit([{ type: 'del', key: 1 }])).sequence, 2);
      }),
  },
  {
    name: 'one store object owns a place; another gets STORE_LOCKED until it is closed',
    run: (factory) =>
      withStore(factory, async (store, place) => {
        const second = factory.create(place);
        const code = await second.open().then(
          () => 'opened',
          (error: { readonly code?: string; readonly cause?: { readonly code?: string } }) =>
            error.code === 'STORE_LOCKED' ? error.code : error.cause?.code,
        );
        assert.equal(code, 'STORE_LOCKED');
        await store.commit([{ type: 'put', key: 1, value: utf8('mine') }]);
        await store.close();
        await second.open();
        assert.equal(read(second, 1), hex(utf8('mine')));
        await second.close();
      }),
  },
  {
    name: 'a closed store answers STORE_CLOSED, and closing it again does nothing',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit([{ type: 'put', key: 1, value: utf8('1') }]);
        const snapshot = store.snapshot();
        const cursor = store.openScan({});
        const out = createPacked({ byteCount: 100, endCount: 10 });
        await store.close();
        await store.close();
        throwsCode('STORE_CLOSED', () => store.getInto(1, new Uint8Array(9)), 'getInto');
        throwsCode('STORE_CLOSED', () => store.getInto(1, new Uint8Array(9), { snapshot }), 'with snapshot');
        throwsCode('STORE_CLOSED', () => store.getManyPacked(BigUint64Array.of(1n), undefined, out), 'many');
        throwsCode('STORE_CLOSED', () => store.scanPacked({}, out), 'scanPacked');
        throwsCode('STORE_CLOSED', () => store.openScan({}), 'openScan');
        throwsCode('STORE_CLOSED', () => cursor.next(out), 'a scan under way');
        throwsCode('STORE_CLOSED', () => store.stats(), 'stats');
        await rejectsCode('STORE_CLOSED', () => store.commit([{ type: 'del', key: 1 }]), 'commit');
        await rejectsCode('STORE_CLOSED', () => store.flush(), 'flush');
        await rejectsCode('STORE_CLOSED', () => store.compact(), 'compact');
        await rejectsCode('STORE_CLOSED', () => store.verify(), 'verify');
        cursor.close();
        await snapshot.close();
      }),
  },
  {
    name: 'a close lets commits under way finish, or fails them',
    run: async (factory) => {
      const place = await factory.place();
      const store = factory.create(place);
      await store.open();
      const calls = Array.from({ length: 50 }, (_, key) =>
        store.commit([{ type: 'put', key, value: utf8('1') }]).then(
          () => key,
          () => -1,
        ),
      );
      await store.close();
      const kept = (await Promise.all(calls)).filter((key) => key >= 0);
      const again = factory.create(place);
      await again.open();
      for (const key of kept)
        assert.equal(read(again, key), hex(utf8('1')), 'what was acknowledged is there');
      await again.close();
    },
  },
  {
    name: 'flush folds everything written, compact leaves one segment',
    run: (factory) =>
      withStore(factory, async (store) => {
        const value = utf8('a value of some length');
        for (let round = 0; round < 8; round += 1) {
          const from = round * 100;
          await store.commit(
            Array.from({ length: 200 }, (_, at) => ({ type: 'put', key: from + at, value })),
          );
          await store.flush();
          const { sequence, foldedSequence, memtableEntries, segments } = store.stats();
          assert.deepEqual([sequence, foldedSequence, memtableEntries], [round + 1, round + 1, 0]);
          assert.ok(segments.length >= 1 && segments.length <= factory.limits.segmentsMax);
        }
        await store.compact();
        const { segments } = store.stats();
        assert.equal(segments.length, 1);
        assert.equal(segments[0]?.entryCount, 900, 'one entry per key');
        assert.equal(segments[0]?.tombstoneCount, 0);
        assert.equal(hex(segments[0]?.keyMin ?? value), '0000000000000000');
        assert.equal(hex(segments[0]?.keyMax ?? value), '0000000000000383');
        assert.equal(scan(store, {}, { byteCount: 4_096, endCount: 256 }).length, 900);
      }),
  },
  {
    name: 'compact drops what was deleted',
    run: (factory) =>
      withStore(factory, async (store) => {
        const keys = Array.from({ length: 100 }, (_, key) => key);
        await store.commit(keys.map((key) => ({ type: 'put', key, value: utf8('x') })));
        await store.flush();
        await store.commit(keys.map((key) => ({ type: 'del', key })));
        await store.compact();
        const entryCount = store.stats().segments.reduce((sum, segment) => sum + segment.entryCount, 0);
        assert.equal(entryCount, 0);
        assert.deepEqual(scan(store, {}, { byteCount: 100, endCount: 8 }), []);
      }),
  },
  {
    name: 'flush and compact of an empty store do nothing',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.flush();
        await store.compact();
        assert.deepEqual(store.stats().segments, []);
        assert.equal(store.stats().sequence, 0);
      }),
  },
  {
    name: 'stats are finite numbers that add up',
    run: (factory) =>
      withStore(factory, async (store) => {
        const check = (): StoreStats => {
          const stats = store.stats();
          for (const [name, value] of numbersIn(stats)) {
            assert.ok(Number.isFinite(value) && value >= 0, `${name} is ${value}`);
          }
          assert.equal(stats.poisoned, undefined);
          assert.ok(stats.foldedSequence <= stats.sequence);
          assert.ok(stats.groupCommits <= stats.commits);
          return stats;
        };
        assert.deepEqual([check().commits, check().lookups], [0, 0]);
        await Promise.all(
          Array.from({ length: 30 }, (_, key) => store.commit([{ type: 'put', key, value: utf8('1') }])),
        );
        assert.deepEqual([check().commits, check().memtableEntries], [30, 30]);
        for (let key = 0; key < 40; key += 1) read(store, key);
        assert.equal(check().lookups, 40);
        await store.flush();
        assert.ok(check().flushes >= 1);
        assert.equal(check().segments[0]?.entryCount, 30);
      }),
  },
  {
    name: 'verify reads everything and finds nothing wrong in a sound store',
    run: (factory) =>
      withStore(factory, async (store) => {
        const value = new Uint8Array(50).fill(3);
        await store.commit(Array.from({ length: 500 }, (_, key) => ({ type: 'put', key, value })));
        const inLog = await store.verify();
        assert.deepEqual([inLog.damage, inLog.segments, inLog.entries], [[], 0, 0]);
        assert.ok(inLog.logRecords > 0);
        await store.flush();
        const inSegment = await store.verify();
        assert.deepEqual([inSegment.damage, inSegment.segments, inSegment.entries], [[], 1, 500]);
        assert.ok(inSegment.blocks > 0);
      }),
  },
];
