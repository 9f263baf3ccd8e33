/** The suite of SQL on the tier as users open it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlEngineCases } from '@varve/conformance';
import { open, sql } from '@varve/pc';
import { afterAll, describe, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-pc-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('SqlEngine', () => {
  const factory = { sql, place: async () => mkdtempSync(join(folder, 'db-')), open };
  for (const { name, run } of sqlEngineCases) it(name, () => run(factory));
});
