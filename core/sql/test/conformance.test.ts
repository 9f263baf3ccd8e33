/** The suite of SQL on this package over DuckDB, which stands in for the native engine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlEngineCases } from '@varve/conformance';
import { afterAll, describe, it } from 'vitest';
import { sqlFactory } from './duckdb/factory.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-sql-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('over DuckDB', () => {
  const factory = sqlFactory(folder);
  for (const { name, run } of sqlEngineCases) it(name, () => run(factory));
});
