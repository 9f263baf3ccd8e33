/**
 * lmdb-js with binary keys and values, as its README advises for speed: synchronous reads, asynchronous writes, and no
 * read-ahead where memory is short.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type LmdbStore, loadLmdb } from '../rivals/load.js';
import { type Engine, type EngineKind, touch } from './engine.js';

/** Room in the map; the file grows as needed. */
const mapBytes = 16 * 2 ** 30;

const openStore = (folder: string, noReadAhead: boolean): LmdbStore =>
  loadLmdb().open({
    path: join(folder, 'data.mdb'),
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    mapSize: mapBytes,
    separateFlushed: true,
    noMemInit: true,
    noReadAhead,
  });

export const lmdb: EngineKind = {
  name: 'lmdb',
  warm: () => void loadLmdb(),
  open(folder, memoryBytes) {
    mkdirSync(folder, { recursive: true });
    const isShort = memoryBytes !== undefined;
    let store = openStore(folder, isShort);
    const engine: Engine = {
      name: 'lmdb',
      folder,
      async write(batch) {
        await store.batch(() => {
          for (const { key, value } of batch) void store.put(key, value);
        });
      },
      put: (key, value) => store.put(key, value),
      async putSynced(key, value) {
        const commit = store.put(key, value);
        await commit;
        await commit.flushed;
      },
      async compact() {
        const copy = join(folder, 'compact.mdb');
        await store.flushed;
        await store.backup(copy, true);
        await store.close();
        rmSync(join(folder, 'data.mdb-lock'), { force: true });
        renameSync(copy, join(folder, 'data.mdb'));
        store = openStore(folder, isShort);
      },
      get(key) {
        const value = store.getBinaryFast(key);
        return value === undefined ? -1 : touch(value);
      },
      range(key, limit) {
        let sum = 0;
        for (const { value } of store.getRange({ start: key, limit })) sum += touch(value);
        return sum;
      },
      preparePoints: (keys) => (answers) => {
        let sum = 0;
        for (const key of keys) {
          const value = store.getBinaryFast(key);
          if (value === undefined) {
            sum -= 1;
            answers?.addMissing();
          } else {
            sum += touch(value);
            answers?.add(value, 0, value.length);
          }
        }
        return sum;
      },
      // getMany answers through libuv and took 1.5 times as long as this loop.
      prepareBatches: (keys) => engine.preparePoints(keys),
      prepareScan: () => (answers) => {
        let sum = 0;
        for (const { key, value } of store.getRange({})) {
          sum += touch(value) + touch(key);
          answers?.add(key, 0, key.length);
          answers?.add(value, 0, value.length);
        }
        return sum;
      },
      async close() {
        await store.flushed;
        await store.close();
      },
    };
    return Promise.resolve(engine);
  },
};
