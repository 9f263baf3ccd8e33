/**
 * abstract-level's reads took any snapshot: `a.get(key, { snapshot: ofB })` answered what B held, and
 * `a.clear({ snapshot: ofB })` deleted A's keys by B's list. Only the packed reads refused it.
 */
import { createPacked } from '@varve/interfaces';
import { VarveStore } from '@varve/kv';
import type { AbstractSnapshot } from 'abstract-level';
import { ClassicLevel } from 'classic-level';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bytes, freshLocation, openFresh } from './temporary.js';

type Bytes = VarveStore<Uint8Array, Uint8Array>;
type Options = { readonly snapshot: AbstractSnapshot };
const key = bytes('key');
const out = () => createPacked({ byteCount: 100, endCount: 4 });

/** Every read that takes a snapshot, and `clear`. */
const rows: readonly [name: string, call: (db: Bytes, options: Options) => unknown][] = [
  ['get', (db, options) => db.get(key, options)],
  ['getSync', (db, options) => db.getSync(key, options)],
  ['getMany', (db, options) => db.getMany([key], options)],
  ['has', (db, options) => db.has(key, options)],
  ['hasMany', (db, options) => db.hasMany([key], options)],
  ['clear', (db, options) => db.clear(options)],
  ['iterator', (db, options) => db.iterator(options).next()],
  ['iterator, all', (db, options) => db.iterator(options).all()],
  ['keys', (db, options) => db.keys(options).next()],
  ['values', (db, options) => db.values(options).nextv(2)],
  ['getInto', (db, options) => db.getInto(key, new Uint8Array(9), options as never)],
  ['scanPacked', (db, options) => db.scanPacked({}, out(), options as never)],
  ['openScan', (db, options) => db.openScan({}, options as never)],
  [
    'getManyPacked',
    (db, options) => db.getManyPacked(BigUint64Array.of(1n), undefined, out(), options as never),
  ],
];

let own: Bytes;
let other: Bytes;
let level: ClassicLevel<Uint8Array, Uint8Array>;
beforeAll(async () => {
  own = await openFresh();
  other = await openFresh();
  level = new ClassicLevel(freshLocation(), { keyEncoding: 'view', valueEncoding: 'view' });
  await own.put(key, bytes('own'));
  await other.put(key, bytes('other'));
  await level.put(key, bytes('level'));
});
afterAll(async () => {
  await Promise.all([own.close(), other.close(), level.close()]);
});

it.each(rows)('%s refuses the snapshot of another store', async (_, call) => {
  for (const snapshot of [other.snapshot(), level.snapshot(), (await sublevelOf(other)).snapshot()]) {
    await expect((async () => call(own, { snapshot }))()).rejects.toMatchObject({
      name: 'VarveError',
      code: 'ARGUMENT_INVALID',
    });
    await snapshot.close();
  }
  expect(await own.get(key)).toEqual(Buffer.from('own'));
});

it.each(rows)('%s takes its own, and that of its sublevel', async (_, call) => {
  for (const snapshot of [own.snapshot(), (await sublevelOf(own)).snapshot()]) {
    await expect((async () => call(own, { snapshot }))()).resolves.not.toThrow();
    await snapshot.close();
    await own.put(key, bytes('own'));
  }
});

it('refuses it in a store that is not open yet, which opens all the same', async () => {
  const snapshot = other.snapshot();
  const late = new VarveStore<Uint8Array, Uint8Array>(freshLocation(), { keyEncoding: 'view' });
  const refused = [late.iterator({ snapshot }).next(), late.get(key, { snapshot })];
  await Promise.all(refused.map((call) => expect(call).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })));
  await late.put(key, bytes('late'));
  expect(await late.keys().all()).toHaveLength(1);
  await snapshot.close();
  await late.close();
});

async function sublevelOf(db: Bytes) {
  const sublevel = db.sublevel('part');
  await sublevel.open();
  return sublevel;
}
