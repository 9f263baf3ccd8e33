/** Point reads: `getInto`, integer keys, `getManyPacked`. */
import assert from 'node:assert/strict';
import { createPacked, type PackedKey } from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex, throwsCode, utf8 } from '../checks.js';
import { type StoreFactory, type StoreUnderTest, withStore } from './factory.js';
import { packKeys, read, readMany, unpackMany } from './reading.js';

/** Integers around every place where an order by text, by sign or by 53 bits would go wrong. */
const integers: readonly bigint[] = [
  0n,
  1n,
  9n,
  10n,
  255n,
  256n,
  65_535n,
  65_536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** `count` keys of one length whose values have 0 to 40 bytes; every third key is missing. */
async function load(
  store: StoreUnderTest,
  count: number,
): Promise<{ readonly keys: readonly Uint8Array[]; readonly values: readonly (string | undefined)[] }> {
  const keys = Array.from({ length: count }, (_, at) => utf8(`key ${String(at * 7).padStart(6, '0')}`));
  const values = keys.map((_, at) => (at % 3 === 2 ? undefined : new Uint8Array(at % 41).fill(at)));
  await store.commit(
    keys.flatMap((key, at) => {
      const value = values[at];
      return value === undefined ? [] : [{ type: 'put' as const, key, value }];
    }),
  );
  return { keys, values: values.map((value) => value && hex(value)) };
}

export const readCases: readonly Case<StoreFactory>[] = [
  {
    name: 'getInto fills the start of the buffer and touches nothing else',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit([{ type: 'put', key: utf8('key'), value: utf8('value') }]);
        for (const settle of [async () => {}, () => store.flush()]) {
          await settle();
          const memory = new Uint8Array(20).fill(0xaa);
          assert.equal(store.getInto(utf8('key'), memory.subarray(4, 12)), 5);
          assert.equal(hex(memory), `aaaaaaaa${hex(utf8('value'))}${'aa'.repeat(11)}`);
          const exact = Buffer.alloc(5);
          assert.equal(store.getInto(utf8('key'), exact), 5);
          assert.equal(exact.toString(), 'value');
        }
      }),
  },
  {
    name: 'getInto tells the length when the buffer is too small, and leaves the buffer alone',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit([{ type: 'put', key: utf8('key'), value: utf8('value') }]);
        const memory = new Uint8Array(20).fill(0xaa);
        for (const length of [0, 1, 4]) {
          assert.equal(store.getInto(utf8('key'), memory.subarray(4, 4 + length)), 5);
          assert.equal(hex(memory), 'aa'.repeat(20));
        }
      }),
  },
  {
    name: 'getInto answers -1 for a missing key and 0 for an empty value',
    run: (factory) =>
      withStore(factory, async (store) => {
        const memory = new Uint8Array(8).fill(0xaa);
        assert.equal(store.getInto(utf8('key'), memory), -1);
        await store.commit([{ type: 'put', key: utf8('key'), value: new Uint8Array() }]);
        assert.equal(store.getInto(utf8('key'), memory), 0);
        assert.equal(store.getInto(utf8('key'), new Uint8Array()), 0);
        for (const near of ['', 'ke', 'kex', 'key\0', 'keys']) {
          assert.equal(store.getInto(utf8(near), memory), -1, near);
        }
        assert.equal(hex(memory), 'aa'.repeat(8));
      }),
  },
  {
    name: 'getInto serves one buffer after another, small and large, in any order',
    run: (factory) =>
      withStore(factory, async (store) => {
        const buffers = [new Uint8Array(64), new Uint8Array(3), Buffer.alloc(64), new Uint8Array(0)];
        await store.commit([{ type: 'put', key: 1, value: utf8('four') }]);
        for (let turn = 0; turn < 40; turn += 1) {
          const buffer = buffers[(turn * 3) % buffers.length] ?? new Uint8Array();
          buffer.fill(0);
          assert.equal(store.getInto(1, buffer), 4);
          assert.equal(hex(buffer.subarray(0, 4)), buffer.length < 4 ? hex(buffer) : hex(utf8('four')));
        }
      }),
  },
  {
    name: 'a key longer than any key is missing, or refused with KEY_TOO_LARGE',
    run: (factory) =>
      withStore(factory, async (store) => {
        const long = new Uint8Array(factory.limits.keyBytesMax + 1);
        const buffer = new Uint8Array(8);
        let answer: number | undefined;
        try {
          answer = store.getInto(long, buffer);
        } catch {
          throwsCode('KEY_TOO_LARGE', () => store.getInto(long, buffer));
        }
        if (answer !== undefined) assert.equal(answer, -1);
      }),
  },
  {
    name: 'an integer key is its 8 bytes, big-endian, so that numeric order and byte order agree',
    run: (factory) =>
      withStore(factory, async (store) => {
        const scrambled = integers.toSorted((left, right) => Number(left % 7n) - Number(right % 7n));
        await store.commit(scrambled.map((key) => ({ type: 'put', key, value: utf8(`${key}`) })));
        const bytesOf = (key: bigint): Uint8Array => {
          const bytes = new Uint8Array(8);
          new DataView(bytes.buffer).setBigUint64(0, key);
          return bytes;
        };
        for (const settle of [async () => {}, () => store.flush()]) {
          await settle();
          for (const key of integers) {
            const forms: PackedKey[] = [key, bytesOf(key)];
            if (key <= BigInt(Number.MAX_SAFE_INTEGER)) forms.push(Number(key));
            for (const form of forms) assert.equal(read(store, form), hex(utf8(`${key}`)));
          }
          const out = store.scanPacked({ fields: 'keys' }, createPacked({ byteCount: 400, endCount: 50 }));
          assert.equal(out.count, integers.length);
          assert.equal(hex(out.bytes.subarray(0, out.byteCount)), integers.map(bytesOf).map(hex).join(''));
        }
        await store.commit([{ type: 'del', key: 256 }]);
        assert.equal(read(store, 256n), undefined);
      }),
  },
  {
    name: 'getManyPacked answers every key, missing ones marked, in the order asked',
    run: (factory) =>
      withStore(factory, async (store) => {
        const { keys, values } = await load(store, 500);
        for (const settle of [async () => {}, () => store.flush()]) {
          await settle();
          assert.deepEqual(readMany(store, keys, { byteCount: 20_000 }), values);
          const order = keys.map((_, at) => (at * 211) % keys.length);
          const asked = order.flatMap((at) => keys.slice(at, at + 1));
          const answers = order.map((at) => values[at]);
          assert.deepEqual(readMany(store, asked, { byteCount: 20_000 }), answers);
          const twice = asked.slice(0, 20).flatMap((key) => [key, key]);
          const expected = answers.slice(0, 20).flatMap((value) => [value, value]);
          assert.deepEqual(readMany(store, twice, { byteCount: 20_000 }), expected);
        }
      }),
  },
  {
    name: 'getManyPacked stops early when a value does not fit, and goes on from count',
    run: (factory) =>
      withStore(factory, async (store) => {
        const { keys, values } = await load(store, 120);
        for (const settle of [async () => {}, () => store.flush()]) {
          await settle();
          for (const byteCount of [0, 1, 39, 40, 100, 1_000]) {
            assert.deepEqual(readMany(store, keys, { byteCount }), values, `${byteCount} bytes`);
          }
        }
        const { bytes, offsets } = packKeys(keys);
        const memory = new Uint8Array(64).fill(0xaa);
        const out = {
          ...createPacked({ byteCount: 0, endCount: keys.length }),
          bytes: memory.subarray(0, 30),
        };
        store.getManyPacked(bytes, offsets, out);
        assert.ok(out.count > 0 && !out.done, 'stopped early');
        assert.equal(out.bytesNeeded, 0, 'something fitted');
        assert.equal(hex(memory.subarray(30)), 'aa'.repeat(34), 'nothing is written beyond the bytes');
      }),
  },
  {
    name: 'getManyPacked takes integers, and sets every counter again on each call',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit(integers.map((key) => ({ type: 'put', key, value: utf8(`${key}`) })));
        const out = createPacked({ byteCount: 1_000, endCount: 40 });
        const expected = integers.map((key) => hex(utf8(`${key}`)));
        for (const settle of [async () => {}, () => store.flush()]) {
          await settle();
          store.getManyPacked(BigUint64Array.from([...integers, 2n, 3n ** 40n]), undefined, out);
          assert.deepEqual(unpackMany(out), [...expected, undefined, undefined]);
          assert.deepEqual([out.done, out.found, out.bytesNeeded], [true, integers.length, 0]);
          store.getManyPacked(new BigUint64Array(), undefined, out);
          assert.deepEqual([out.count, out.byteCount, out.found, out.done], [0, 0, 0, true]);
          store.getManyPacked(BigUint64Array.of(2n), undefined, out);
          assert.deepEqual([out.count, out.byteCount, out.found, out.done], [1, 0, 0, true]);
        }
      }),
  },
];
