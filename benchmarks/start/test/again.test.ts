/**
 * A second start finds whatever became of the first one's folder. It used to end in a stack trace when the database was
 * gone, damaged or another build's, or the summary was; and while a first start still filled, a second one deleted the
 * database under it.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { printOutcome } from '../src/embedded/print.js';
import { type Outcome, runEmbedded } from '../src/embedded/run.js';
import type { SegmentFigure, Summary } from '../src/embedded/summary.js';
import { howManyPredict } from '../src/embedded/words.js';
import { renderReport } from '../src/report/page.js';

const rows = 2000;
const folder = mkdtempSync(join(tmpdir(), 'varve-start-again-'));
const run = (name: string): Promise<Outcome> =>
  runEmbedded({ folder: join(folder, name), rowCountMax: rows, keysPerRound: 1000 });

let first: Outcome;
beforeAll(async () => {
  first = await run('first');
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const summaryIn = (at: string): string => join(at, 'summary.json');
const changeSummary = (at: string, change: (text: string) => string): void =>
  writeFileSync(summaryIn(at), change(readFileSync(summaryIn(at), 'utf8')));

/** Overwrites the end of every segment, where its format and index are. */
function spoilSegments(at: string): void {
  for (const name of readdirSync(join(at, 'flights')).filter((file) => file.endsWith('.vseg'))) {
    const file = join(at, 'flights', name);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0x55, bytes.length - 64));
  }
}

/** What may have become of the folder. */
const fates: readonly [name: string, befall: (at: string) => void][] = [
  ['its database is deleted', (at) => rmSync(join(at, 'flights'), { recursive: true })],
  [
    'its database is empty',
    (at) => readdirSync(join(at, 'flights')).forEach((name) => rmSync(join(at, 'flights', name))),
  ],
  ['its catalogue is damaged', (at) => writeFileSync(join(at, 'flights', 'CATALOGUE'), 'no catalogue')],
  ['its segments have another format', spoilSegments],
  ['its summary is deleted', (at) => rmSync(summaryIn(at))],
  ['its summary is empty', (at) => changeSummary(at, () => '')],
  ['its summary is cut short', (at) => changeSummary(at, (text) => text.slice(0, text.length / 2))],
  [
    'its summary has a changed figure',
    (at) => changeSummary(at, (text) => text.replace('"rows":2', '"rows":3')),
  ],
  [
    'its summary is of an older build',
    (at) => changeSummary(at, () => JSON.stringify({ version: 1, rowCountMax: rows })),
  ],
];

it.each(fates)('%s: it starts over', async (name, befall) => {
  const at = join(folder, name);
  cpSync(join(folder, 'first'), at, { recursive: true });
  befall(at);
  const outcome = await run(name);
  expect(outcome.again).toBeUndefined();
  expect(outcome.summary.rows).toBe(rows);
  expect((await run(name)).again).toMatchObject({ checked: 5000 });
});

it('while a first start fills, a second one leaves its database alone', async () => {
  const filling = run('two');
  const catalogue = join(folder, 'two', 'flights', 'CATALOGUE');
  while (!existsSync(catalogue)) await new Promise((resolve) => setTimeout(resolve, 1));
  const second = run('two');
  const message = expect.stringContaining(join(folder, 'two'));
  await expect(second).rejects.toMatchObject({ code: 'STORE_LOCKED', message });
  expect((await filling).summary.rows).toBe(rows);
  expect((await run('two')).again).toBeDefined();
});

it('names the folder to delete', async () => {
  expect(printOutcome(await run('first'))).toContain(`Delete ${join(folder, 'first')} to start over.`);
});

/** A summary of three segments, `kinds` being those of their indexes. */
function withKinds(kinds: readonly string[], isLive: boolean): Summary {
  const [segment] = first.summary.segments;
  const segments = kinds.map(
    (indexKind, id) => ({ ...segment, id, indexKind, entryCount: 100 }) as SegmentFigure,
  );
  const expectations = [{ minute: 1, position: 1, predicted: 1.5 }];
  const learned = {
    kind: 'line-probe',
    errorBound: 4,
    isLive,
    entryCount: 712,
    separatorCount: 9,
    expectations,
  };
  return { ...first.summary, rows: 3_000_000, segments, learned };
}

/** The report once said that all keys lie in the blocks of the largest segment, and drew a trial as if it served. */
it.each([
  [['s-plus-tree', 's-plus-tree', 'binary-search'], false, '0 of 3 segments answer by a prediction'],
  [['line-probe', 's-plus-tree', 'affine'], true, '2 of 3 segments answer by a prediction'],
])('%j: says how many segments predict, and whose the curve is', async (kinds, isLive, said) => {
  const summary = withKinds(kinds, isLive);
  const page = (await renderReport(summary)).replaceAll('\n', ' ');
  expect(howManyPredict(summary.segments)).toContain(said);
  for (const text of [page, printOutcome({ ...first, summary })]) expect(text).toContain(said);
  expect(page).toContain('712 keys lie in 9 blocks in the largest segment.');
  expect(page.includes('What is drawn is a trial')).toBe(!isLive);
});
