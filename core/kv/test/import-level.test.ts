import { cpSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReferencePlace, ReferenceStore } from '@varve/conformance';
import { ClassicLevel } from 'classic-level';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ImportProgress, importLevel, interruptedImport } from '../src/log/import-level.js';
import { freshFolder } from './level/folder.js';

const { root, remove } = freshFolder();
afterAll(remove);

const source = join(root, 'source');
const entryCount = 10_000;
const entries = new Map<string, string>();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

beforeAll(async () => {
  const db = new ClassicLevel<Buffer, Buffer>(source, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  const inner = db.sublevel('people').sublevel<string, object>('by-age', { valueEncoding: 'json' });
  for (let at = 0; at < entryCount; at += 1)
    await db.put(Buffer.from([at >> 8, at & 255, 0, 255]), Buffer.alloc(at % 50, at));
  await inner.put('42', { name: 'Ada' });
  await db.put(Buffer.from([]), Buffer.from('the empty key'));
  for await (const [key, value] of db.iterator()) entries.set(hex(key), hex(value));
  await db.close();
});

async function openTarget(): Promise<ReferenceStore> {
  const store = new ReferenceStore(new ReferencePlace());
  await store.open();
  return store;
}

function contents(store: ReferenceStore): Map<string, string> {
  const found = new Map<string, string>();
  const buffer = new Uint8Array(1 << 16);
  for (const key of entries.keys()) {
    const length = store.getInto(Buffer.from(key, 'hex'), buffer);
    if (length >= 0) found.set(key, hex(buffer.subarray(0, length)));
  }
  return found;
}

describe('importLevel', () => {
  it('copies every entry byte for byte, prefixes of sublevels too, and tells how far it is', async () => {
    const to = await openTarget();
    const told: ImportProgress[] = [];
    expect(await importLevel({ from: source, to, progress: (step) => told.push(step) })).toBe(entries.size);
    expect(contents(to)).toEqual(entries);
    expect([...entries.keys()].some((key) => key.startsWith(hex(Buffer.from('!people!!by-age!'))))).toBe(
      true,
    );
    expect(told.at(-1)?.entries).toBe(entries.size);
    expect(told.length).toBeGreaterThan(1);
    expect(interruptedImport(to)).toBeUndefined();
  });

  it('notices an interrupted import and goes on behind its last commit', async () => {
    const to = await openTarget();
    const stop = new AbortController();
    const interrupted = importLevel({ from: source, to, progress: () => stop.abort(), signal: stop.signal });
    await expect(interrupted).rejects.toMatchObject({ name: 'AbortError' });
    const left = interruptedImport(to);
    expect(left?.from).toBe(source);
    expect(left?.entries).toBeGreaterThan(0);
    expect(left?.entries).toBeLessThan(entries.size);
    const first: ImportProgress[] = [];
    expect(await importLevel({ from: source, to, progress: (step) => first.push(step) })).toBe(entries.size);
    expect(first[0]?.entries).toBeGreaterThan(left?.entries ?? 0);
    expect(contents(to)).toEqual(entries);
    expect(interruptedImport(to)).toBeUndefined();
  });

  it('refuses to mix two imports unless it is told to begin anew', async () => {
    const to = await openTarget();
    const stop = new AbortController();
    const other = join(root, 'other');
    const db = new ClassicLevel(other);
    await db.put('a', 'b');
    await db.close();
    await expect(
      importLevel({ from: source, to, progress: () => stop.abort(), signal: stop.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    await expect(importLevel({ from: other, to })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    expect(await importLevel({ from: other, to, restart: true })).toBe(1);
    expect(interruptedImport(to)).toBeUndefined();
  });

  const noFolders: readonly (readonly [string, () => string, string])[] = [
    ['a folder that is not there', () => join(root, 'nowhere'), 'STORE_MISSING'],
    ['an empty folder', () => mkdtempSync(join(root, 'empty-')), 'STORE_FOREIGN'],
    [
      'a folder of something else',
      () => {
        const folder = join(root, 'photos');
        mkdirSync(folder);
        writeFileSync(join(folder, 'cat.jpg'), 'x');
        return folder;
      },
      'STORE_FOREIGN',
    ],
    // Opening it could remove files that the store has open, and what it holds is no entry of anybody's.
    [
      'the log of a store',
      () => {
        const folder = mkdtempSync(join(root, 'log-'));
        cpSync(source, folder, { recursive: true });
        writeFileSync(join(folder, 'MARK'), '');
        return folder;
      },
      'STORE_FOREIGN',
    ],
    [
      'a database whose MANIFEST is damaged',
      () => {
        const folder = mkdtempSync(join(root, 'bad-'));
        writeFileSync(join(folder, 'CURRENT'), 'MANIFEST-000001\n');
        writeFileSync(join(folder, 'MANIFEST-000001'), 'not a manifest, but long enough to look like one');
        return folder;
      },
      'STORE_DAMAGED',
    ],
  ];

  it.each(noFolders)('answers %s with its code and leaves it alone', async (_, make, code) => {
    const to = await openTarget();
    const from = make();
    const before = code === 'STORE_FOREIGN' ? readdirSync(from) : [];
    await expect(importLevel({ from, to })).rejects.toMatchObject({ name: 'VarveError', code });
    expect(code === 'STORE_FOREIGN' ? readdirSync(from) : []).toEqual(before);
  });

  it('answers STORE_LOCKED while the source is in use', async () => {
    const db = new ClassicLevel(source);
    await db.open();
    await expect(importLevel({ from: source, to: await openTarget() })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
    });
    await db.close();
  });
});
