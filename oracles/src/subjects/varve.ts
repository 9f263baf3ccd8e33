/** Varve through its public API, over a database in a temporary folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlSession, SqlType, SqlValue } from '@varve/interfaces';
import { open, VarveError } from '@varve/pc';
import type { Answer, Kind, Refusal, Subject } from './subject.js';

/** Where rows lie when a query comes: where they were written, or all in segments. */
export type Place = 'hot' | 'segments';

/** @param place `segments` runs VACUUM before a query that follows a change, unless a transaction is open */
export async function openVarve(place: Place): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'varve-oracle-'));
  const database = await open(join(folder, 'db'), { threads: 2 });
  let isChanged = false;
  return {
    name: `varve, ${place}`,
    async execute(sql) {
      const isQuery = /^\s*(select|with|values|\()/i.test(sql);
      if (isQuery && isChanged && place === 'segments') {
        const vacuumed = await answered(database, 'VACUUM');
        if ('error' in vacuumed) return vacuumed;
        isChanged = false;
      }
      isChanged ||= !isQuery;
      return answered(database, sql);
    },
    async close() {
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The answer of one statement. @throws what is not a `VarveError` */
export async function answered(session: SqlSession, sql: string): Promise<Answer | Refusal> {
  try {
    const result = await session.query(sql, [], { int64: 'bigint', timestamp: 'bigint' });
    const columns = await result.columns();
    const values = result.names.map((name) => Array.from(columns[name] ?? []) as SqlValue[]);
    const rows = Array.from({ length: values[0]?.length ?? 0 }, (_, row) =>
      values.map((column) => textOf(column[row] ?? null)),
    );
    return {
      columns: result.fields.map(({ type }) => kindOf(type)),
      rows,
      affected: result.rowsAffected ?? null,
    };
  } catch (error) {
    if (error instanceof VarveError) return { error: `${error.code}: ${error.message}` };
    throw error;
  }
}

function kindOf(type: SqlType): Kind {
  switch (type.kind) {
    case 'boolean':
      return 'bool';
    case 'integer':
      return 'int';
    case 'float':
    case 'decimal':
    case 'text':
    case 'null':
      return type.kind;
    default:
      return 'other';
  }
}

function textOf(value: SqlValue): string | null {
  if (value === null) return null;
  // Text would lose the sign of zero, which tells two answers apart.
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'object') return JSON.stringify(value, (_, part) => nestedText(part));
  return String(value);
}

function nestedText(part: unknown): unknown {
  return typeof part === 'bigint' ? String(part) : part;
}
