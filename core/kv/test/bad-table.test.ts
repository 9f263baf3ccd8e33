/**
 * LevelDB verifies no block of its tables while it reads; a damaged one ended the whole process by an assertion
 * (`internal_key.size() >= 8`), or kept it busy for ever, instead of opening with `STORE_DAMAGED`.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LevelLog } from '@varve/kv';
import { beforeAll, expect, it } from 'vitest';
import { bytes, freshLocation } from './temporary.js';

let sample = '';
const tableOf = (folder: string): string =>
  join(folder, readdirSync(folder).find((name) => name.endsWith('.ldb')) ?? 'no table');

beforeAll(async () => {
  sample = freshLocation();
  for (const life of [0, 1]) {
    const log = new LevelLog(sample);
    await log.open();
    for await (const _ of log.replay()) {
      // To its end, so that it takes more; opening makes a table of what it holds.
    }
    for (let sequence = 1; sequence <= 30 && life === 0; sequence += 1) {
      await log.append({ sequence, batch: bytes(`batch ${sequence} `.repeat(30)) }, 'fast');
    }
    await log.close();
  }
});

it.each<[string, (table: Buffer) => number]>([
  ['the first entry', () => 1],
  ['a key', (table) => table.indexOf('VLG1') - 8],
  ['a value', (table) => table.indexOf('VLG1') + 30],
  ['the index', (table) => table.length - 60],
  ['the footer', (table) => table.length - 46],
  ['the magic', (table) => table.length - 1],
])('a table that is damaged in %s is reported with its place', async (_, placeIn) => {
  const folder = freshLocation();
  cpSync(sample, folder, { recursive: true });
  const path = tableOf(folder);
  const table = readFileSync(path);
  const at = placeIn(table);
  table[at] = (table[at] ?? 0) ^ 0x55;
  writeFileSync(path, table);
  const log = new LevelLog(folder);
  await expect(log.open()).rejects.toMatchObject({
    code: 'STORE_DAMAGED',
    message: expect.stringMatching(/\d+\.ldb, offset \d+: a block of the table fails its checksum$/),
  });
});

it('a table that no MANIFEST names is no damage', async () => {
  const folder = freshLocation();
  cpSync(sample, folder, { recursive: true });
  writeFileSync(join(folder, '000999.ldb'), 'what a power cut left of a compaction');
  const log = new LevelLog(folder);
  await expect(log.open()).resolves.toBeUndefined();
  await log.close();
});
