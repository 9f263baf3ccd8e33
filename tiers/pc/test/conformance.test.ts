/** The suites of SQL and of plans on the tier as users open it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlanSubject, planEngineCases, sqlEngineCases } from '@varve/conformance';
import type { ColumnType } from '@varve/interfaces';
import { open, sql } from '@varve/pc';
import { afterAll, describe, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-pc-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('SqlEngine', () => {
  const factory = { sql, place: async () => mkdtempSync(join(folder, 'db-')), open };
  for (const { name, run } of sqlEngineCases) it(name, () => run(factory));
});

describe('PlanEngine', () => {
  for (const { name, run } of planEngineCases) it(name, () => run({ open: planSubject }));
});

const sqlTypes: Readonly<Record<ColumnType & string, string>> = {
  boolean: 'BOOLEAN',
  int8: 'TINYINT',
  int16: 'SMALLINT',
  int32: 'INTEGER',
  int64: 'BIGINT',
  float32: 'REAL',
  float64: 'DOUBLE',
  text: 'VARCHAR',
  binary: 'BYTEA',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
};

async function planSubject(): Promise<PlanSubject> {
  const db = await open(mkdtempSync(join(folder, 'db-')));
  const createTable: PlanSubject['createTable'] = async (name, columns, primaryKey = []) => {
    const list = Object.entries(columns).map(([column, type]) => `"${column}" ${sqlType(type)}`);
    const key = primaryKey.length === 0 ? '' : `, PRIMARY KEY (${primaryKey.join(', ')})`;
    await db.query(`CREATE TABLE "${name}" (${list.join(', ')}${key})`);
  };
  return Object.assign(db, { createTable });
}

function sqlType(type: ColumnType): string {
  return typeof type === 'string' ? sqlTypes[type] : `DECIMAL(${type.decimal.join(', ')})`;
}
