/** DuckDB as far as an oracle needs it. */
import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import type { Value } from './compare.js';

/** A connection to a database in memory. */
export interface DuckDb {
  /** The rows of a query: dates as `2026-11-26`, decimals as text. */
  rows(sql: string): Promise<Value[][]>;
  /** The columns of a query by name. */
  columns(sql: string): Promise<Record<string, Value[]>>;
  run(sql: string): Promise<void>;
  close(): void;
}

/** Opens one. */
export async function openDuckDb(): Promise<DuckDb> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  const read = async (sql: string): Promise<{ names: string[]; rows: Value[][] }> => {
    const reader = await connection.runAndReadAll(sql);
    return { names: reader.columnNames(), rows: reader.getRows().map((row) => row.map(plain)) };
  };
  return {
    rows: async (sql) => (await read(sql)).rows,
    async columns(sql) {
      const { names, rows } = await read(sql);
      return Object.fromEntries(names.map((name, at) => [name, rows.map((row) => row[at] ?? null)]));
    },
    async run(sql) {
      await connection.run(sql);
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

function plain(value: DuckDBValue): Value {
  switch (typeof value) {
    case 'bigint':
    case 'boolean':
    case 'number':
    case 'string':
      return value;
    default:
      // Dates and decimals write themselves.
      return value === null ? null : value.toString();
  }
}
