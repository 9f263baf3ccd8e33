/**
 * classic-level with a block cache that holds the whole data set, so that its reads need no file; a quarter of memory
 * where that is short. Its tables are mapped, and no option of it changes how the kernel reads ahead of a page fault.
 */
import { mkdirSync } from 'node:fs';
import { loadLevel } from '../rivals/load.js';
import { type Engine, type EngineKind, touch } from './engine.js';

export const level: EngineKind = {
  name: 'classic-level',
  warm: () => void loadLevel(),
  open: openLevel,
};

async function openLevel(folder: string, memoryBytes?: number): Promise<Engine> {
  mkdirSync(folder, { recursive: true });
  const { ClassicLevel } = loadLevel();
  const store = new ClassicLevel(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: memoryBytes === undefined ? 512 * 2 ** 20 : Math.floor(memoryBytes / 4),
    maxOpenFiles: 4000,
  });
  await store.open();
  const chunk = 1000;
  return {
    name: 'classic-level',
    folder,
    write: (batch) => store.batch(batch.map(({ key, value }) => ({ type: 'put', key, value }))),
    put: (key, value) => store.put(key, value),
    putSynced: (key, value) => store.put(key, value, { sync: true }),
    compact: () => store.compactRange(Buffer.alloc(0), Buffer.alloc(17, 0xff)),
    get(key) {
      const value = store.getSync(key);
      return value === undefined ? -1 : touch(value);
    },
    async range(key, limit) {
      const iterator = store.iterator({ gte: key, limit });
      let sum = 0;
      for (const [, value] of await iterator.nextv(limit)) sum += touch(value);
      await iterator.close();
      return sum;
    },
    preparePoints: (keys) => (answers) => {
      let sum = 0;
      for (const key of keys) {
        const value = store.getSync(key);
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
    prepareBatches(keys, size) {
      const batches: (readonly Buffer[])[] = [];
      for (let at = 0; at < keys.length; at += size) batches.push(keys.slice(at, at + size));
      return async (answers) => {
        let sum = 0;
        for (const batch of batches) {
          for (const value of await store.getMany(batch)) {
            if (value === undefined) {
              sum -= 1;
              answers?.addMissing();
            } else {
              sum += touch(value);
              answers?.add(value, 0, value.length);
            }
          }
        }
        return sum;
      };
    },
    prepareScan: () => async (answers) => {
      const iterator = store.iterator({ highWaterMarkBytes: 1 << 20 });
      let sum = 0;
      for (;;) {
        const entries = await iterator.nextv(chunk);
        if (entries.length === 0) break;
        for (const [key, value] of entries) {
          sum += touch(value) + touch(key);
          answers?.add(key, 0, key.length);
          answers?.add(value, 0, value.length);
        }
      }
      await iterator.close();
      return sum;
    },
    close: () => store.close(),
  };
}
