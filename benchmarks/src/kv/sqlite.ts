/**
 * better-sqlite3: one table WITHOUT ROWID, write-ahead log, mapped file, a cache that holds the whole data set. Where
 * memory is short the file is read instead, page by page, and the cache is a quarter of memory: the kernel reads ahead of
 * a fault in a map, but not of reads at random.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadSqlite, type SqliteStatement } from '../rivals/load.js';
import { type EngineKind, touch } from './engine.js';

export const sqlite: EngineKind = {
  name: 'better-sqlite3',
  warm() {
    // The constructor loads the native code.
    new (loadSqlite())(':memory:').close();
  },
  open(folder, memoryBytes) {
    mkdirSync(folder, { recursive: true });
    const Database = loadSqlite();
    const store = new Database(join(folder, 'data.sqlite'));
    store.pragma('journal_mode = WAL');
    const cacheBytes = memoryBytes === undefined ? 512 * 2 ** 20 : Math.floor(memoryBytes / 4);
    store.pragma(`cache_size = -${Math.floor(cacheBytes / 1024)}`);
    store.pragma(`mmap_size = ${memoryBytes === undefined ? 16 * 2 ** 30 : 0}`);
    store.exec('CREATE TABLE IF NOT EXISTS kv (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID');
    const select = store.prepare('SELECT value FROM kv WHERE key = ?').pluck();
    const insert = store.prepare('INSERT OR REPLACE INTO kv VALUES (?, ?)');
    const from = store.prepare('SELECT value FROM kv WHERE key >= ? ORDER BY key LIMIT ?').pluck();
    const all = store.prepare('SELECT key, value FROM kv ORDER BY key').raw();
    let synchronous = '';
    // NORMAL leaves the log unsynced until a checkpoint; FULL syncs it at every commit.
    const durability = (mode: 'NORMAL' | 'FULL'): void => {
      if (mode !== synchronous) store.pragma(`synchronous = ${mode}`);
      synchronous = mode;
    };
    const points = (keys: readonly Buffer[]) => askOneByOne(select, keys);
    return Promise.resolve({
      name: 'better-sqlite3',
      folder,
      write(batch) {
        durability('NORMAL');
        store.exec('BEGIN');
        for (const { key, value } of batch) insert.run(key, value);
        store.exec('COMMIT');
      },
      put(key, value) {
        durability('NORMAL');
        insert.run(key, value);
        return undefined;
      },
      putSynced(key, value) {
        durability('FULL');
        insert.run(key, value);
        return undefined;
      },
      compact() {
        store.exec('VACUUM');
        store.pragma('wal_checkpoint(TRUNCATE)');
      },
      get(key) {
        const value = select.get(key) as Buffer | undefined;
        return value === undefined ? -1 : touch(value);
      },
      range(key, limit) {
        let sum = 0;
        for (const value of from.iterate(key, limit)) sum += touch(value as Buffer);
        return sum;
      },
      preparePoints: points,
      prepareBatches: points,
      prepareScan: () => (answers) => {
        let sum = 0;
        for (const entry of all.iterate()) {
          const [key, value] = entry as [Buffer, Buffer];
          sum += touch(value) + touch(key);
          answers?.add(key, 0, key.length);
          answers?.add(value, 0, value.length);
        }
        return sum;
      },
      close: () => {
        store.close();
      },
    });
  },
};

const askOneByOne =
  (select: SqliteStatement, keys: readonly Buffer[]) =>
  (answers?: { add(bytes: Uint8Array, start: number, end: number): void; addMissing(): void }): number => {
    let sum = 0;
    for (const key of keys) {
      const value = select.get(key) as Buffer | undefined;
      if (value === undefined) {
        sum -= 1;
        answers?.addMissing();
      } else {
        sum += touch(value);
        answers?.add(value, 0, value.length);
      }
    }
    return sum;
  };
