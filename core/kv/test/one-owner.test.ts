/**
 * A user had a store with `log: 'level'` open, and opened it again by a symbolic link to its folder, in a worker, and
 * in another process. Each was told STORE_LOCKED, but only after LevelDB had opened the log a second time: by another path
 * it removed the live log file, and refused in another thread it closed a descriptor of its LOCK, which let the next
 * process in. What was acknowledged from then on was lost with the process. So from the first release on: LevelDB's
 * own lock was all that stood before the store's, and it knows the paths of one process, and nothing of its threads.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { LevelLog, repairStore, VarveStore } from '@varve/kv';
import { describe, expect, it, vi } from 'vitest';
import { bytes, freshLocation, openFresh, text } from './temporary.js';

type Log = 'native' | 'level';
type Store = VarveStore<Uint8Array, Uint8Array>;

const opener = fileURLToPath(new URL('level/opener.mjs', import.meta.url));
const encodings = { keyEncoding: 'view', valueEncoding: 'view' } as const;

const storeIn = (location: string): Store => new VarveStore(location, encodings);
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'opened',
    (error: { code?: string; cause?: { code?: string } }) => error.cause?.code ?? error.code ?? 'no code',
  );

/** What came of opening the store by another path, in another thread, or in another process. */
const others: Record<string, (location: string) => Promise<string>> = {
  'the same path': (location) => codeOf(storeIn(location).open()),
  'another path': (location) => codeOf(storeIn(linkTo(location)).open()),
  'a worker': (location) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(opener, { workerData: location });
      worker.once('message', resolve).once('error', reject);
    }),
  'another process': async (location) => inAnotherProcess(location),
  'a repair by another path': (location) => codeOf(repairStore(linkTo(location))),
};

function inAnotherProcess(location: string): string {
  return spawnSync(process.execPath, [opener, location], { encoding: 'utf8' }).stdout;
}

function linkTo(location: string): string {
  const link = `${location}.link`;
  if (!existsSync(link)) symlinkSync(location, link, 'dir');
  return link;
}

/** The log's files, whichever log it is. */
function filesOf(location: string): string[] {
  const names = readdirSync(location, { recursive: true, encoding: 'utf8' });
  // LevelDB's own account of what it does.
  return names.filter((name) => !name.endsWith('.jsonl') && name !== 'log/LOG.old').sort();
}

/** Puts a file in the place of whatever is there. */
function putFile(path: string): void {
  rmSync(path, { recursive: true, force: true });
  writeFileSync(path, '');
}

async function put(store: Store, prefix: string): Promise<void> {
  await Promise.all(Array.from({ length: 100 }, (_, at) => store.put(bytes(`${prefix}${at}`), bytes('x'))));
}

/** Opens what a kill would leave now, and counts its keys. */
async function countAfterKill(location: string): Promise<number> {
  const copy = freshLocation();
  cpSync(location, copy, { recursive: true });
  const store = storeIn(copy);
  const keys = await store.keys().all();
  await store.close();
  return keys.length;
}

describe.each<Log>(['native', 'level'])('a store with log %s that is open', (log) => {
  it.each(Object.keys(others))('is not touched by %s, and loses nothing', async (other) => {
    const store = await openFresh({ log });
    await put(store, 'before');
    const files = filesOf(store.location);
    expect(await others[other]?.(store.location)).toBe('STORE_LOCKED');
    expect(filesOf(store.location)).toEqual(files);
    // Whoever was refused has not let others in.
    expect(inAnotherProcess(store.location)).toBe('STORE_LOCKED');
    expect(filesOf(store.location)).toEqual(files);
    await put(store, 'behind');
    expect(await countAfterKill(store.location)).toBe(200);
    await store.close();
  });

  it('is free again once it is closed', async () => {
    const store = await openFresh({ log });
    await store.close();
    expect(inAnotherProcess(store.location)).toBe('opened');
  });

  it('is free again once the worker that had it is gone', async () => {
    const location = freshLocation();
    const worker = new Worker(opener, { workerData: location, argv: ['stay', log] });
    expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('opened');
    expect(await codeOf(storeIn(location).open())).toBe('STORE_LOCKED');
    await worker.terminate();
    const store = storeIn(location);
    expect(text((await store.get(bytes('key'))) ?? bytes('nothing'))).toBe('value');
    await store.close();
  });
});

describe('a store with log level', () => {
  it('is locked for as long as LevelDB has the log', async () => {
    const store = await openFresh({ log: 'level' });
    const seen: string[] = [];
    const spy = vi.spyOn(LevelLog.prototype, 'close').mockImplementationOnce(async function (this: LevelLog) {
      seen.push(inAnotherProcess(store.location));
      await this.close();
    });
    await store.close();
    spy.mockRestore();
    expect(seen).toEqual(['STORE_LOCKED']);
  });

  const failures: [string, string, (location: string) => void, object][] = [
    ['the engine refuses an option', 'ARGUMENT_INVALID', () => undefined, { memtableBytes: 1 }],
    ['it exists', 'STORE_EXISTS', () => undefined, { errorIfExists: true }],
    [
      'its log is damaged',
      'STORE_DAMAGED',
      (at) => renameSync(join(at, 'log/CURRENT'), join(at, 'CURRENT')),
      {},
    ],
    ['its log is no folder', 'STORE_UNWRITABLE', (at) => putFile(join(at, 'log')), { log: 'level' }],
  ];
  it.each(failures)('is given back when %s', async (_, code, damage, options) => {
    const store = await openFresh({ log: 'level' });
    await store.close();
    damage(store.location);
    const again = new VarveStore(store.location, options);
    expect(await codeOf(again.open())).toBe(code);
    expect(inAnotherProcess(store.location)).not.toBe('STORE_LOCKED');
  });
});
