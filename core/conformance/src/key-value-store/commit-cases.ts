/** Commits: numbering, durability by name, all or nothing. */
import assert from 'node:assert/strict';
import type { Acknowledgement, PackedOperation } from '@varve/interfaces';
import type { Case } from '../case.js';
import { rejectsCode, utf8 } from '../checks.js';
import { type StoreFactory, withStore } from './factory.js';
import { read } from './reading.js';

const put = (key: string, value: string): PackedOperation => ({
  type: 'put',
  key: utf8(key),
  value: utf8(value),
});
const del = (key: string): PackedOperation => ({ type: 'del', key: utf8(key) });
const hexOf = (text: string): string => Buffer.from(text).toString('hex');

export const commitCases: readonly Case<StoreFactory>[] = [
  {
    name: 'commits are numbered 1, 2, 3 and so on',
    run: (factory) =>
      withStore(factory, async (store) => {
        for (let sequence = 1; sequence <= 5; sequence += 1) {
          const acknowledged = await store.commit([put('key', `${sequence}`)]);
          assert.equal(acknowledged.sequence, sequence);
          assert.equal(store.stats().sequence, sequence);
        }
      }),
  },
  {
    name: 'commits under way together are numbered in the order of the calls, without gaps',
    run: (factory) =>
      withStore(factory, async (store) => {
        const calls: Promise<Acknowledgement>[] = [];
        for (let call = 1; call <= 200; call += 1) {
          const durability = call % 3 === 0 ? 'fast' : 'synced';
          calls.push(store.commit([put('same', `${call}`), put(`own ${call}`, '')], { durability }));
        }
        const sequences = (await Promise.all(calls)).map(({ sequence }) => sequence);
        assert.deepEqual(
          sequences,
          calls.map((_, call) => call + 1),
        );
        assert.equal(read(store, utf8('same')), hexOf('200'), 'the last call wins');
        for (let call = 1; call <= 200; call += 1) assert.equal(read(store, utf8(`own ${call}`)), '');
      }),
  },
  {
    name: 'a commit is synced by default, and says what it reached',
    run: (factory) =>
      withStore(factory, async (store) => {
        assert.equal((await store.commit([put('a', '1')])).durability, 'synced');
        assert.equal((await store.commit([put('a', '1')], {})).durability, 'synced');
        assert.equal((await store.commit([put('b', '1')], { durability: 'synced' })).durability, 'synced');
        const alone = await store.commit([put('c', '1')], { durability: 'fast' });
        assert.equal(alone.durability, 'fast', 'nothing else was synced');
        assert.equal(read(store, utf8('c')), hexOf('1'), 'visible as soon as it is acknowledged');
      }),
  },
  {
    name: 'later operations of a commit win over earlier ones',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit([put('a', '1'), put('a', '2'), put('b', '1'), del('b'), del('c'), put('c', '3')]);
        assert.equal(read(store, utf8('a')), hexOf('2'));
        assert.equal(read(store, utf8('b')), undefined);
        assert.equal(read(store, utf8('c')), hexOf('3'));
      }),
  },
  {
    name: 'deleting a missing key succeeds, and a deleted key can come back',
    run: (factory) =>
      withStore(factory, async (store) => {
        assert.equal((await store.commit([del('a')])).sequence, 1);
        await store.commit([put('a', '1')]);
        await store.commit([del('a')]);
        assert.equal(read(store, utf8('a')), undefined);
        await store.compact();
        assert.equal(read(store, utf8('a')), undefined);
        await store.commit([put('a', '2')]);
        assert.equal(read(store, utf8('a')), hexOf('2'));
      }),
  },
  {
    name: 'operations may come from a generator, and one that throws leaves no trace',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit(
          (function* () {
            yield put('a', '1');
            yield put('b', '2');
          })(),
        );
        assert.equal(read(store, utf8('b')), hexOf('2'));
        const failing = (function* (): Generator<PackedOperation> {
          yield put('a', 'changed');
          throw new RangeError('no more');
        })();
        await assert.rejects(store.commit(failing));
        assert.equal(read(store, utf8('a')), hexOf('1'));
        assert.equal((await store.commit([put('c', '')])).sequence, 2, 'a refused commit has no number');
      }),
  },
  {
    name: 'a commit with one bad operation leaves no trace',
    run: (factory) =>
      withStore(factory, async (store) => {
        const long = new Uint8Array(factory.limits.keyBytesMax + 1);
        await rejectsCode('KEY_TOO_LARGE', () => store.commit([put('a', '1'), { type: 'del', key: long }]));
        await rejectsCode('KEY_TOO_LARGE', () =>
          store.commit([put('a', '1'), { type: 'put', key: long, value: utf8('1') }]),
        );
        assert.equal(read(store, utf8('a')), undefined);
        assert.equal((await store.commit([put('a', '2')])).sequence, 1);
      }),
  },
  {
    name: 'keys and values may be empty, hold every byte, and be as long as the limit says',
    run: (factory) =>
      withStore(factory, async (store) => {
        const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
        const longest = new Uint8Array(factory.limits.keyBytesMax).fill(0xff);
        const large = new Uint8Array(100_000).fill(7);
        await store.commit([
          { type: 'put', key: new Uint8Array(), value: all },
          { type: 'put', key: all, value: new Uint8Array() },
          { type: 'put', key: longest, value: large },
        ]);
        for (const settle of [async () => {}, () => store.flush(), () => store.compact()]) {
          await settle();
          assert.equal(read(store, new Uint8Array()), Buffer.from(all).toString('hex'));
          assert.equal(read(store, all), '');
          assert.equal(read(store, longest), Buffer.from(large).toString('hex'));
          assert.equal(read(store, longest.subarray(1)), undefined);
        }
      }),
  },
];
