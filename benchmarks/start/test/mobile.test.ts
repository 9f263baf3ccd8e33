/** The mobile tier's job over a few flights. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { printMobile } from '../src/mobile/print.js';
import { runMobile } from '../src/mobile/run.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-start-mobile-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('loads, answers and replaces rows', async () => {
  const summary = await runMobile(join(folder, 'run'), 5000);
  expect(summary.rows).toBe(5000);
  // No airport has 1,000 of so few departures.
  expect(summary.answers.filter(({ answer }) => answer === 'none')).toHaveLength(1);
  expect(summary.change.rows).toBe(1000);
  const text = printMobile(summary);
  expect(text).toMatch(/how many, and how late: 5000, /);
  expect(text).toMatch(/Memory of the whole process: [\d.]+ MB while it asked/);
});
