/** Bad input: refused with a code, and without a trace. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { createPacked, type PackedRange } from '@varve/interfaces';
import type { Case } from '../case.js';
import { rejectsCode, throwsCode, utf8 } from '../checks.js';
import { type StoreFactory, withStore } from './factory.js';
import { scan } from './reading.js';

/** What no key may be. Text is not among them: a store may take it for its UTF-8 bytes, as abstract-level does. */
const badKeys: readonly unknown[] = [
  undefined,
  null,
  true,
  {},
  [1, 2],
  Symbol('key'),
  -1,
  0.5,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1n,
  2n ** 64n,
  new Uint16Array(2),
  new ArrayBuffer(2),
  new DataView(new ArrayBuffer(2)),
];

/** Hands what the types forbid to a call. */
const untyped = <T>(value: unknown): T => value as T;

/** A value in a form that a failure shows; JSON alone knows no bigint, symbol or undefined. */
function nameOf(value: unknown): string {
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY });
}

const hostile = <T>(json: string): T => JSON.parse(json) as T;

export const argumentCases: readonly Case<StoreFactory>[] = [
  {
    name: 'a key of a wrong type or range is refused by every call',
    run: (factory) =>
      withStore(factory, async (store) => {
        const out = createPacked({ byteCount: 100, endCount: 10 });
        for (const bad of badKeys) {
          const key = untyped<number>(bad);
          const what = nameOf(bad);
          throwsCode('ARGUMENT_INVALID', () => store.getInto(key, new Uint8Array(8)), `getInto ${what}`);
          await rejectsCode(
            'ARGUMENT_INVALID',
            () => store.commit([{ type: 'put', key, value: utf8('1') }]),
            `put ${what}`,
          );
          await rejectsCode('ARGUMENT_INVALID', () => store.commit([{ type: 'del', key }]), `del ${what}`);
          if (bad === undefined) continue;
          for (const bound of ['gt', 'gte', 'lt', 'lte']) {
            throwsCode('ARGUMENT_INVALID', () => store.scanPacked({ [bound]: key }, out), `${bound} ${what}`);
            throwsCode('ARGUMENT_INVALID', () => store.openScan({ [bound]: key }), `${bound} ${what}`);
          }
        }
        assert.equal(store.stats().sequence, 0);
      }),
  },
  {
    name: 'an operation of a wrong shape is refused',
    run: (factory) =>
      withStore(factory, async (store) => {
        const value = utf8('1');
        const operations: readonly unknown[] = [
          undefined,
          null,
          7,
          {},
          { type: 'inc', key: 1, value },
          { key: 1, value },
          { type: 'put', key: 1 },
          { type: 'put', key: 1, value: 7 },
          { type: 'put', key: 1, value: null },
          { type: 'put', key: 1, value: new Uint16Array(1) },
          { type: 'put', key: 1, value: [1] },
        ];
        for (const operation of operations) {
          const list = [
            { type: 'put' as const, key: 5, value },
            untyped<{ type: 'del'; key: number }>(operation),
          ];
          await rejectsCode('ARGUMENT_INVALID', () => store.commit(list), nameOf(operation));
        }
        for (const list of [undefined, null, 5, {}, { length: 1 }]) {
          await rejectsCode('ARGUMENT_INVALID', () => store.commit(untyped<[]>(list)), nameOf(list));
        }
        assert.equal(store.getInto(5, new Uint8Array(4)), -1);
        assert.equal(store.stats().sequence, 0);
      }),
  },
  {
    name: 'a value over the limit is refused with VALUE_TOO_LARGE',
    run: (factory) =>
      withStore(factory, async (store) => {
        const value = new Uint8Array(factory.limits.valueBytesMax + 1);
        await rejectsCode('VALUE_TOO_LARGE', () => store.commit([{ type: 'put', key: 1, value }]));
        assert.equal(store.getInto(1, new Uint8Array(1)), -1);
      }),
  },
  {
    name: 'an unknown durability is refused',
    run: (factory) =>
      withStore(factory, async (store) => {
        for (const durability of ['maybe', '', 1, true, null, {}]) {
          await rejectsCode(
            'ARGUMENT_INVALID',
            () => store.commit([{ type: 'del', key: 1 }], { durability: untyped<'fast'>(durability) }),
            nameOf(durability),
          );
        }
      }),
  },
  {
    name: 'buffers, packed answers, offsets and snapshots of a wrong type are refused',
    run: (factory) =>
      withStore(factory, async (store) => {
        await store.commit([{ type: 'put', key: 1, value: utf8('1') }]);
        for (const bad of [undefined, null, 'text', [], {}, new Uint16Array(9), new ArrayBuffer(9), 9]) {
          const what = nameOf(bad);
          throwsCode('ARGUMENT_INVALID', () => store.getInto(1, untyped<Uint8Array>(bad)), what);
          const out = createPacked({ byteCount: 9, endCount: 9 });
          const wrongBytes = { ...out, bytes: untyped<Uint8Array>(bad) };
          throwsCode('ARGUMENT_INVALID', () => store.scanPacked({}, wrongBytes), `bytes ${what}`);
          const wrongEnds = { ...out, ends: untyped<Uint32Array>(bad) };
          throwsCode('ARGUMENT_INVALID', () => store.scanPacked({}, wrongEnds), `ends ${what}`);
          const key = BigUint64Array.of(1n);
          throwsCode(
            'ARGUMENT_INVALID',
            () => store.getManyPacked(key, undefined, wrongBytes),
            `bytes ${what}`,
          );
          throwsCode(
            'ARGUMENT_INVALID',
            () => store.getManyPacked(key, undefined, wrongEnds),
            `ends ${what}`,
          );
          throwsCode(
            'ARGUMENT_INVALID',
            () => store.getManyPacked(untyped<BigUint64Array>(bad), undefined, out),
            `keys ${what}`,
          );
          throwsCode(
            'ARGUMENT_INVALID',
            () => store.getManyPacked(utf8('key'), untyped<Uint32Array>(bad), out),
            `offsets ${what}`,
          );
          if (bad === undefined) continue;
          const snapshot = untyped<ReturnType<typeof store.snapshot>>(bad);
          throwsCode('ARGUMENT_INVALID', () => store.getInto(1, new Uint8Array(9), { snapshot }), what);
        }
      }),
  },
  {
    name: 'offsets that do not ascend within the keys, and too few ends, are refused',
    run: (factory) =>
      withStore(factory, async (store) => {
        const out = createPacked({ byteCount: 100, endCount: 3 });
        const keys = utf8('abcdef');
        for (const offsets of [[3, 2], [1, 2, 7], [2 ** 32 - 1]]) {
          throwsCode(
            'ARGUMENT_INVALID',
            () => store.getManyPacked(keys, Uint32Array.from(offsets), out),
            offsets.join(),
          );
        }
        throwsCode('ARGUMENT_INVALID', () => store.getManyPacked(keys, Uint32Array.of(1, 2, 3, 4), out));
        throwsCode('ARGUMENT_INVALID', () => store.getManyPacked(new BigUint64Array(4), undefined, out));
        const narrow = createPacked({ byteCount: 100, endCount: 1 });
        throwsCode('ARGUMENT_INVALID', () => store.scanPacked({}, narrow), 'no entry can ever fit');
      }),
  },
  {
    name: 'a range of a wrong shape is refused',
    run: (factory) =>
      withStore(factory, async (store) => {
        const out = createPacked({ byteCount: 100, endCount: 10 });
        const ranges: readonly unknown[] = [
          null,
          5,
          'text',
          { limit: 'ten' },
          { limit: Number.NaN },
          { limit: 0.5 },
          { limit: 3n },
          { reverse: 'yes' },
          { reverse: 1 },
          { fields: 'none' },
          { fields: 2 },
        ];
        for (const range of ranges) {
          const what = nameOf(range);
          throwsCode('ARGUMENT_INVALID', () => store.scanPacked(untyped<PackedRange>(range), out), what);
          throwsCode('ARGUMENT_INVALID', () => store.openScan(untyped<PackedRange>(range)), what);
        }
      }),
  },
  {
    name: 'a __proto__ in options does nothing',
    run: (factory) =>
      withStore(factory, async (store) => {
        const put = (key: number) => [{ type: 'put' as const, key, value: utf8(`${key}`) }];
        const durability = '{"__proto__": {"durability": "fast"}, "constructor": {"durability": "fast"}}';
        assert.equal((await store.commit(put(1), hostile(durability))).durability, 'synced');
        await store.commit(put(2));
        const range = hostile<PackedRange>(
          '{"__proto__": {"limit": 0, "reverse": true, "fields": "keys", "gt": 9, "lt": 0}}',
        );
        const ample = { byteCount: 100, endCount: 10 };
        assert.deepEqual(scan(store, range, ample), scan(store, {}, ample));
        assert.equal(scan(store, range, ample).length, 2);
        const view = hostile<object>('{"__proto__": {"snapshot": 5}}');
        assert.equal(store.getInto(1, new Uint8Array(9), view), 1);
        const operation = hostile<{ type: 'del'; key: number }>('{"__proto__": {"type": "del", "key": 1}}');
        await rejectsCode('ARGUMENT_INVALID', () => store.commit([operation]));
        assert.equal(store.getInto(1, new Uint8Array(9)), 1);
        for (const name of ['durability', 'limit', 'snapshot', 'type']) {
          assert.equal(({} as Record<string, unknown>)[name], undefined, `${name} leaked`);
        }
      }),
  },
];
