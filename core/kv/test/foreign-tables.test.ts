/**
 * LevelDB verifies no block of its tables while it reads, and an import left it at that: a flipped byte of a value was
 * copied as it was, without an error. A log's tables were checked, but by a check that knew no compression, as the log
 * has none: opened as a log, somebody's compressed database was called damaged.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReferencePlace, ReferenceStore } from '@varve/conformance';
import { importLevel, LevelLog } from '@varve/kv';
import { ClassicLevel } from 'classic-level';
import { describe, expect, it } from 'vitest';
import { bytes, freshLocation } from './temporary.js';

const entries = 4000;

/** A database of another program, all of it in tables. */
async function foreign(compression: boolean): Promise<string> {
  const folder = freshLocation();
  const db = new ClassicLevel(folder, { compression });
  const key = (at: number): string => `airport/${String(at).padStart(6, '0')}`;
  await db.batch(
    Array.from({ length: entries }, (_, at) => ({
      type: 'put' as const,
      key: key(at),
      value: `value ${at} `.repeat(8),
    })),
  );
  await db.compactRange(key(0), key(entries));
  await db.close();
  return folder;
}

/** Changes one byte of every table. */
function flip(folder: string, place: (table: Buffer) => number): void {
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.ldb'))) {
    const table = readFileSync(join(folder, name));
    const at = place(table);
    table[at] = (table[at] ?? 0) ^ 0x55;
    writeFileSync(join(folder, name), table);
  }
}

async function imported(from: string, signal?: AbortSignal): Promise<number> {
  const to = new ReferenceStore(new ReferencePlace());
  await to.open();
  return importLevel({ from, to, ...(signal === undefined ? {} : { signal }) });
}

describe.each([true, false])('a database with compression: %s', (compression) => {
  it('is imported', async () => {
    expect(await imported(await foreign(compression))).toBe(entries);
  });

  it('is no log', async () => {
    const log = new LevelLog(await foreign(compression));
    await expect(log.open()).rejects.toMatchObject({ code: 'STORE_FOREIGN' });
  });

  it.each<[string, (table: Buffer) => number]>([
    ['the first entry', () => 1],
    ['a value', (table) => table.indexOf(bytes('value')) + 2],
    ['a later block', () => 5000],
    ['the index', (table) => table.length - 60],
  ])('is not imported, nor opened as a log, when %s is damaged', async (_, place) => {
    const folder = await foreign(compression);
    flip(folder, place);
    const damage = {
      code: 'STORE_DAMAGED',
      message: expect.stringMatching(/\d+\.ldb, offset \d+: a block of the table fails its checksum$/),
    };
    await expect(imported(folder)).rejects.toMatchObject(damage);
    await expect(new LevelLog(folder).open()).rejects.toMatchObject(damage);
  });

  it('is not read when the import is aborted at once', async () => {
    const folder = await foreign(compression);
    await expect(imported(folder, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
  });
});
