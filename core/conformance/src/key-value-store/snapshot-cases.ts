/** Snapshots: one moment of the store for every kind of read, through flushes and merges, until closed. */
import assert from 'node:assert/strict';
import { createPacked, type StoreSnapshot } from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex, throwsCode, utf8 } from '../checks.js';
import { type StoreFactory, type StoreUnderTest, withStore } from './factory.js';
import { read, readMany, scan } from './reading.js';

const keys: readonly Uint8Array[] = Array.from({ length: 40 }, (_, at) => utf8(`key ${at + 10}`));

/** Writes generation `generation`: a new value for most keys, some deleted, others each time. */
async function write(store: StoreUnderTest, generation: number): Promise<void> {
  await store.commit(
    keys.map((key, at) =>
      (at + generation) % 5 === 0
        ? { type: 'del', key }
        : { type: 'put', key, value: utf8(`${generation} of ${at}`) },
    ),
  );
}

function expected(generation: number): readonly (string | undefined)[] {
  return keys.map((_, at) =>
    generation === 0 || (at + generation) % 5 === 0 ? undefined : hex(utf8(`${generation} of ${at}`)),
  );
}

/** Every kind of read must show `generation`. */
function checkView(store: StoreUnderTest, generation: number, snapshot?: StoreSnapshot): void {
  const options = snapshot === undefined ? {} : { snapshot };
  const values = expected(generation);
  assert.deepEqual(
    keys.map((key) => read(store, key, options)),
    values,
    'getInto',
  );
  assert.deepEqual(readMany(store, keys, { byteCount: 300, ...options }), values, 'getManyPacked');
  const entries = keys.map((key, at) => [hex(key), values[at]]).filter(([, value]) => value !== undefined);
  const scanned = scan(store, {}, { byteCount: 200, endCount: 64, ...options });
  assert.deepEqual(scanned, entries, 'openScan');
  const first = store.scanPacked({ limit: 3 }, createPacked({ byteCount: 200, endCount: 6 }), options);
  assert.equal(first.count, Math.min(3, entries.length), 'scanPacked');
}

export const snapshotCases: readonly Case<StoreFactory>[] = [
  {
    name: 'a snapshot shows its moment through commits, flushes and merges',
    run: (factory) =>
      withStore(factory, async (store) => {
        const snapshots: StoreSnapshot[] = [];
        for (let generation = 0; generation < 6; generation += 1) {
          if (generation > 0) await write(store, generation);
          const snapshot = store.snapshot();
          assert.equal(snapshot.sequence, generation);
          snapshots.push(snapshot);
          if (generation % 2 === 1) await store.flush();
          if (generation === 4) await store.compact();
          for (const [earlier, view] of snapshots.entries()) checkView(store, earlier, view);
          checkView(store, generation);
        }
        await store.compact();
        for (const [earlier, view] of snapshots.entries()) checkView(store, earlier, view);
        for (const view of snapshots) await view.close();
        await store.compact();
        checkView(store, 5);
      }),
  },
  {
    name: 'a closed snapshot answers STORE_CLOSED, other snapshots of its moment go on',
    run: (factory) =>
      withStore(factory, async (store) => {
        await write(store, 1);
        const snapshot = store.snapshot();
        const other = store.snapshot();
        await write(store, 2);
        await snapshot.close();
        await snapshot.close();
        const out = createPacked({ byteCount: 100, endCount: 10 });
        throwsCode('STORE_CLOSED', () => store.getInto(utf8('key 10'), new Uint8Array(9), { snapshot }));
        throwsCode('STORE_CLOSED', () =>
          store.getManyPacked(BigUint64Array.of(1n), undefined, out, { snapshot }),
        );
        throwsCode('STORE_CLOSED', () => store.scanPacked({}, out, { snapshot }));
        throwsCode('STORE_CLOSED', () => store.openScan({}, { snapshot }));
        checkView(store, 1, other);
        await other.close();
      }),
  },
  {
    name: 'a scan opened on a snapshot outlives the snapshot',
    run: (factory) =>
      withStore(factory, async (store) => {
        await write(store, 1);
        const snapshot = store.snapshot();
        const cursor = store.openScan({ fields: 'values' }, { snapshot });
        await snapshot.close();
        await write(store, 2);
        await store.compact();
        const out = cursor.next(createPacked({ byteCount: 4_096, endCount: 64 }));
        const values = expected(1).filter((value) => value !== undefined);
        assert.equal(hex(out.bytes.subarray(0, out.byteCount)), values.join(''));
        cursor.close();
      }),
  },
  {
    name: 'a snapshot of another store is refused',
    run: (factory) =>
      withStore(factory, (store) =>
        withStore(factory, async (other) => {
          const snapshot = other.snapshot();
          throwsCode('ARGUMENT_INVALID', () => store.getInto(1, new Uint8Array(9), { snapshot }));
          const out = createPacked({ byteCount: 100, endCount: 10 });
          throwsCode('ARGUMENT_INVALID', () => store.scanPacked({}, out, { snapshot }));
          await snapshot.close();
        }),
      ),
  },
];
