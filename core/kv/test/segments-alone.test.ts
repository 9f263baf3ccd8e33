/**
 * A store that lost everything but its segments was repaired as one with the log `level`, whichever it had had: one with
 * the default log came back with a LevelDB folder that nobody had asked for, its damage named a file "log" that it
 * never had, and `log: 'native'` could not open it any more.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repairStore, VarveStore } from '@varve/kv';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshLocation } from './temporary.js';

const count = 50;
const samples = { native: '', level: '' };

beforeAll(async () => {
  for (const log of ['native', 'level'] as const) {
    samples[log] = freshLocation();
    const db = new VarveStore(samples[log], { log });
    await db.open();
    await db.batch(
      Array.from({ length: count }, (_, at) => ({ type: 'put', key: `key ${at}`, value: `${at}` })),
    );
    await db.flush();
    await db.close();
  }
});

/** A copy of a sample that has its segments only. */
function segmentsOf(sample: keyof typeof samples): string {
  const location = freshLocation();
  mkdirSync(location);
  const names = readdirSync(samples[sample]).filter((name) => name.endsWith('.vseg'));
  expect(names).not.toEqual([]);
  for (const name of names) cpSync(join(samples[sample], name), join(location, name));
  return location;
}

/** What the store at `location`, which has this log, holds. */
async function contents(location: string, log: 'native' | 'level'): Promise<number> {
  const db = new VarveStore(location, { log, createIfMissing: false });
  await db.open();
  const keys = await db.keys().all();
  await db.close();
  return keys.length;
}

describe.each(['native', 'level'] as const)('segments of a store whose log was %s', (sample) => {
  it('become a store with the default log', async () => {
    const location = segmentsOf(sample);
    const report = await repairStore(location);
    expect(report).toMatchObject({
      damage: [{ file: 'CATALOGUE' }, { file: 'MARK' }],
      keptEntries: count,
      lostKeys: [],
    });
    expect(existsSync(join(location, 'log'))).toBe(false);
    expect(await contents(location, 'native')).toBe(count);
  });

  it('become one with the log that is asked for', async () => {
    const location = segmentsOf(sample);
    const report = await repairStore(location, { log: 'level' });
    expect(report).toMatchObject({ damage: [{ file: 'log' }], keptEntries: count, lostKeys: [] });
    expect(await contents(location, 'level')).toBe(count);
  });
});

it('an empty folder "log" tells what the log was', async () => {
  const location = segmentsOf('level');
  mkdirSync(join(location, 'log'));
  expect(await repairStore(location)).toMatchObject({ damage: [{ file: 'log' }], keptEntries: count });
  expect(await contents(location, 'level')).toBe(count);
});

it.each<['native' | 'level', 'native' | 'level', string]>([
  ['native', 'level', 'CATALOGUE'],
  ['level', 'native', 'log/CURRENT'],
])('a damaged store with the log %s is not repaired as %s', async (log, asked, lost) => {
  const location = freshLocation();
  cpSync(samples[log], location, { recursive: true });
  rmSync(join(location, lost));
  const before = readdirSync(location);
  await expect(repairStore(location, { log: asked })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  expect(readdirSync(location)).toEqual(before);
  expect(await repairStore(location, { log })).toMatchObject({ keptEntries: count, lostKeys: [] });
  expect(await contents(location, log)).toBe(count);
});

it('refuses a log that there is not', async () => {
  const log = 'leveldb' as 'level';
  await expect(repairStore(segmentsOf('native'), { log })).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
  });
});

it('a folder "log" of something else is no store', async () => {
  const location = freshLocation();
  mkdirSync(join(location, 'log'), { recursive: true });
  writeFileSync(join(location, 'log/today.txt'), 'x');
  await expect(repairStore(location)).rejects.toMatchObject({ code: 'STORE_MISSING' });
  expect(readdirSync(join(location, 'log'))).toEqual(['today.txt']);
});
