/**
 * `commit` packed into the one builder of the store while the caller's iterable ran. A generator that wrote between its
 * yields took what was packed so far along with its own write: `commit` rejected, and its first key was stored.
 */
import { type PackedOperation, VarveError } from '@varve/interfaces';
import type { VarveStore } from '@varve/kv';
import { expect, it } from 'vitest';
import { bytes, openFresh } from './temporary.js';

type Bytes = VarveStore<Uint8Array, Uint8Array>;
const value = bytes('value');
const put = (key: string): PackedOperation => ({ type: 'put', key: bytes(key), value });

/** What a caller's iterable may do between two operations. */
const rows: readonly [name: string, write: (db: Bytes) => Promise<unknown>][] = [
  ['put', (db) => db.put(bytes('inner'), value)],
  ['batch', (db) => db.batch([{ type: 'put', key: bytes('inner'), value }])],
  ['commit', (db) => db.commit([put('inner')])],
  [
    'a commit that is refused',
    async (db) => {
      await db.commit([put('none'), { type: 'put', key: -1, value }]).catch(() => undefined);
      await db.commit([put('inner')]);
    },
  ],
];

for (const log of ['native', 'level'] as const) {
  it.each(rows)(`${log} log: %s inside a commit is a commit of its own`, async (_, write) => {
    const db = await openFresh({ log });
    const inner: Promise<unknown>[] = [];
    function* operations(): Generator<PackedOperation> {
      yield put('first');
      inner.push(write(db));
      yield put('second');
    }
    await db.commit(operations());
    await Promise.all(inner);
    expect(await keysOf(db)).toEqual(['first', 'inner', 'second']);
    expect(db.stats().sequence).toBe(2);
    await db.close();
  });

  it.each(rows)(`${log} log: a commit that fails behind %s leaves nothing of its own`, async (_, write) => {
    const db = await openFresh({ log });
    const inner: Promise<unknown>[] = [];
    function* operations(): Generator<PackedOperation> {
      yield put('first');
      inner.push(write(db));
      throw new VarveError('ARGUMENT_INVALID', { message: 'the caller has no second one' });
    }
    await expect(db.commit(operations())).rejects.toThrow('the caller has no second one');
    await Promise.all(inner);
    expect(await keysOf(db)).toEqual(['inner']);
    await db.close();
  });
}

async function keysOf(db: Bytes): Promise<string[]> {
  const keys = await db.keys().all();
  return keys.map((key) => new TextDecoder().decode(key));
}
