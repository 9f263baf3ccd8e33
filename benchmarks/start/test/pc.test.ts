/** The pc tier's job over a few flights: answers, a crash, and what is said of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '@varve/pc';
import { afterAll, expect, it } from 'vitest';
import { firstDifference } from '../src/pc/plain.js';
import { printPc } from '../src/pc/print.js';
import { runPc } from '../src/pc/run.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-start-pc-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('loads, answers as DuckDB does, changes rows, and loses nothing to a crash', async () => {
  const summary = await runPc(join(folder, 'run'), 5000);
  expect(summary.loaded.rows).toBe(5000);
  expect(summary.answers).toHaveLength(10);
  for (const { varveMs, duckdbMs } of summary.answers)
    expect(Math.min(varveMs, duckdbMs ?? 1)).toBeGreaterThan(0);
  expect(summary.crash.found - summary.crash.acknowledged).toBeOneOf([0, 1]);
  const text = printPc(summary, folder);
  expect(text).toMatch(/how many, and when: 5,000, 2001-01-01 to 2001-01-01/);
  expect(text).toMatch(/npx varve sql run\/varve$/);
});

it('does not take a database away from another start', async () => {
  const mine = await open(join(folder, 'held', 'varve'));
  await expect(runPc(join(folder, 'held'), 1000)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  await mine.close();
});

it.each([
  { ours: [{ a: 1 }], theirs: [{ a: 1 + 1e-12 }], difference: undefined },
  { ours: [{ a: 1 }], theirs: [{ a: 1.001 }], difference: 'a of row 0: 1 beside 1.001' },
  { ours: [{ a: 'x' }], theirs: [{ a: null }], difference: 'a of row 0: x beside null' },
  { ours: [{ a: 1 }], theirs: [], difference: '1 rows beside 0' },
])('tells $ours from $theirs', ({ ours, theirs, difference }) => {
  expect(firstDifference(ours, theirs)).toBe(difference);
});
