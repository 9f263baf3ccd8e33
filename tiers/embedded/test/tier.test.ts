/** What is this tier's own: opening, what it lacks, and that its claims are true. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCapabilities } from '@varve/capability-matrix';
import { capabilities, importLevel, limits, open, repair } from '@varve/embedded';
import { ClassicLevel } from 'classic-level';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-tier-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fresh = () => mkdtempSync(join(folder, 'db-'));

it('claims what capabilities.json says', () => {
  const { $schema: _, ...claimed } = JSON.parse(
    readFileSync(new URL('../capabilities.json', import.meta.url), 'utf8'),
  );
  expect(capabilities).toEqual(claimed);
  expect(parseCapabilities(claimed)).toEqual(claimed);
});

it('opens, stores, and finds everything again', async () => {
  const directory = fresh();
  const db = await open<string, { delay: number }>(directory, { valueEncoding: 'json' });
  await db.put('SEA', { delay: 12 });
  await db.close();
  const again = await open<string, { delay: number }>(directory, { valueEncoding: 'json' });
  expect(await again.get('SEA')).toEqual({ delay: 12 });
  await again.close();
});

it('says with its own error why it cannot open', async () => {
  const directory = fresh();
  const db = await open(directory);
  await expect(open(directory)).rejects.toMatchObject({ name: 'VarveError', code: 'STORE_LOCKED' });
  await db.close();
  await expect(open(join(directory, 'none'), { createIfMissing: false })).rejects.toMatchObject({
    code: 'STORE_MISSING',
  });
  const file = join(folder, 'file');
  writeFileSync(file, '');
  await expect(open(file)).rejects.toMatchObject({ name: 'VarveError' });
  await expect(open('')).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
});

it.each([
  ['sql', 'use @varve/pc'],
  ['scheduler', 'no tier of this version has it'],
  ['cluster', 'no tier of this version has it'],
  ['agent', 'no tier of this version has it'],
])('answers CAPABILITY_MISSING for db.%s', async (property, hint) => {
  const db = await open(fresh());
  expect(() => Reflect.get(db, property)).toThrowError(
    expect.objectContaining({ code: 'CAPABILITY_MISSING', hint }),
  );
  await db.close();
});

it('refuses exactly what exceeds its limits', async () => {
  const db = await open<Uint8Array, Uint8Array>(fresh(), { keyEncoding: 'view', valueEncoding: 'view' });
  const value = new Uint8Array(1);
  await db.put(new Uint8Array(limits.keyBytesMax), value);
  await expect(db.put(new Uint8Array(limits.keyBytesMax + 1), value)).rejects.toMatchObject({
    code: 'KEY_TOO_LARGE',
  });
  const longest = new Uint8Array(limits.valueBytesMax);
  await db.put(value, longest);
  expect((await db.get(value))?.length).toBe(longest.length);
  await expect(db.put(value, new Uint8Array(limits.valueBytesMax + 1))).rejects.toMatchObject({
    code: 'VALUE_TOO_LARGE',
  });
  const operations = Array.from({ length: 4 }, () => ({ type: 'put', key: value, value: longest }) as const);
  await expect(db.commit(operations)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await db.close();
});

it('keeps its log in LevelDB when asked to, and finds it again', async () => {
  const directory = fresh();
  const db = await open(directory, { log: 'level' });
  await db.put('key', 'value');
  await db.close();
  const again = await open(directory);
  expect(await again.get('key')).toBe('value');
  await again.close();
});

it('imports a LevelDB folder', async () => {
  const source = new ClassicLevel(join(folder, 'source'));
  await source.batch([
    { type: 'put', key: 'a', value: '1' },
    { type: 'put', key: 'b', value: '2' },
  ]);
  await source.close();
  const db = await open(fresh());
  expect(await importLevel({ from: join(folder, 'source'), to: db })).toBe(2);
  expect(await db.iterator().all()).toEqual([
    ['a', '1'],
    ['b', '2'],
  ]);
  await db.close();
});

it('says who has tables when it is given some', async () => {
  const directory = fresh();
  for (const name of ['lock', 'catalogue.db']) writeFileSync(join(directory, name), '');
  await expect(open(directory)).rejects.toMatchObject({
    code: 'CAPABILITY_MISSING',
    hint: expect.stringContaining('@varve/mobile'),
  });
});

it('repairs what is not damaged without a loss', async () => {
  const directory = fresh();
  const db = await open(directory);
  await db.put('key', 'value');
  await db.close();
  expect(await repair(directory)).toMatchObject({ damage: [], lostSequences: [], lostKeys: [] });
  const again = await open(directory);
  expect(await again.get('key')).toBe('value');
  await again.close();
});

it('refuses a model file over the limit before reading it, and a hostile one by its code', async () => {
  const db = await open(fresh());
  const file = join(folder, 'model.onnx');
  writeFileSync(file, '');
  truncateSync(file, limits.modelFileBytesMax + 1);
  await expect(db.models.load('large', file)).rejects.toMatchObject({ code: 'MODEL_TOO_LARGE' });
  await expect(db.models.load('hostile', Uint8Array.of(8, 255, 255, 1))).rejects.toMatchObject({
    name: 'VarveError',
    code: expect.stringMatching(/^MODEL_/),
  });
  await db.close();
});

// The absent parts are getters on the prototype; one of a part that is there would hide the store's own.
it('hides no part that it has', async () => {
  const db = await open(fresh());
  expect(db.control.journal()).toEqual([]);
  expect(db.models.list()).toEqual([]);
  await db.close();
});
