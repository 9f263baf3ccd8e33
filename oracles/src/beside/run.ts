/** Asks Varve, with rows as they were appended and again in segments, and DuckDB the same questions over the same tables. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type PcDatabase } from '@varve/pc';
import { isRefusal, type Subject } from '../subjects/subject.js';
import { difference, type Value } from './compare.js';
import { type DuckDb, openDuckDb } from './duckdb.js';

/** One query, without a semicolon. */
export interface Question {
  readonly name: string;
  readonly sql: string;
}

/** What is asked over what. */
export interface BesideRun {
  /** Each of its files `NAME.parquet` is a table. */
  readonly data: string;
  readonly questions: readonly Question[];
  /** Starts DataFusion as it comes; what it does not answer as DuckDB either does not count. Without it everything counts. */
  readonly reference?: () => Subject;
}

interface Engines {
  readonly duckdb: DuckDb;
  readonly varve: PcDatabase;
}

const appendedRows = 50_000;

/** Prints what differs, and at the end how many passed. @returns how many failed */
export async function runBeside({ data, questions, reference }: BesideRun): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'varve-beside-'));
  const engines = { duckdb: await openDuckDb(), varve: await open(join(folder, 'db'), { threads: 2 }) };
  const stock = reference?.();
  try {
    const tables = tablesIn(data);
    for (const table of tables) await load(engines, data, table);
    if (stock !== undefined) for (const table of tables) await stock.execute(externalTable(data, table));
    let failed = 0;
    let excused = 0;
    for (const place of ['hot', 'segments']) {
      if (place === 'segments') await engines.varve.query('VACUUM');
      for (const { name, sql } of questions) {
        const told = await compared(engines, sql);
        if (told === undefined) continue;
        const excuse = stock === undefined ? undefined : await excuseOf(stock, engines.duckdb, sql);
        if (excuse === undefined) failed += 1;
        else excused += 1;
        console.log(`${excuse ?? 'failed'}: ${name}, ${place}: ${told}`);
      }
    }
    console.log(`${questions.length * 2 - failed - excused} passed, ${failed} failed`);
    return failed;
  } finally {
    await stock?.close();
    await engines.varve.close();
    engines.duckdb.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function tablesIn(data: string): string[] {
  const files = readdirSync(data).filter((file) => file.endsWith('.parquet'));
  return files.map((file) => file.slice(0, -'.parquet'.length)).sort();
}

function externalTable(data: string, table: string): string {
  return `CREATE EXTERNAL TABLE ${table} STORED AS PARQUET LOCATION '${join(data, `${table}.parquet`)}'`;
}

async function load({ duckdb, varve }: Engines, data: string, table: string): Promise<void> {
  await duckdb.run(`CREATE TABLE ${table} AS SELECT * FROM '${join(data, `${table}.parquet`)}'`);
  const shape = await duckdb.rows(`SELECT name, type FROM pragma_table_info('${table}')`);
  await varve.query(`CREATE TABLE ${table} (${shape.map(([name, type]) => `${name} ${type}`).join(', ')})`);
  const columns = await duckdb.columns(`SELECT * FROM ${table}`);
  const rowCount = Object.values(columns)[0]?.length ?? 0;
  for (let from = 0; from < rowCount; from += appendedRows) {
    const parts = Object.entries(columns).map(([name, values]) => [
      name,
      values.slice(from, from + appendedRows),
    ]);
    await varve.append(table, Object.fromEntries(parts) as Record<string, Value[]>);
  }
}

/** How Varve's answer differs from DuckDB's; undefined when it does not. */
async function compared({ duckdb, varve }: Engines, sql: string): Promise<string | undefined> {
  const answer = async (asked: string): Promise<readonly (readonly Value[])[]> => {
    const result = await varve.query(asked);
    return (await result.rows()).map((row) => result.names.map((name) => plain(row[name])));
  };
  return differenceOf(answer, duckdb, sql);
}

/** Why Varve need not answer a question; undefined when DataFusion answers it as DuckDB does. */
async function excuseOf(stock: Subject, duckdb: DuckDb, sql: string): Promise<string | undefined> {
  const answer = async (asked: string): Promise<readonly (readonly Value[])[]> => {
    const told = await stock.execute(asked);
    if (isRefusal(told)) throw new Error(told.error);
    return told.rows;
  };
  const told = await differenceOf(answer, duckdb, sql);
  return told === undefined ? undefined : 'not counted, DataFusion does not answer it either';
}

type Answering = (sql: string) => Promise<readonly (readonly Value[])[]>;

async function differenceOf(answer: Answering, duckdb: DuckDb, sql: string): Promise<string | undefined> {
  try {
    // The order of rows with the same key is free.
    const ours = await answer(sql);
    const theirs = await duckdb.rows(sql);
    const told = difference(ours, theirs, false);
    const whole = sql.replace(/\bLIMIT\s+\d+\s*$/i, '');
    // And with it which of them are within the limit.
    if (told === undefined || whole === sql || ours.length !== theirs.length) return told;
    return difference(await answer(whole), await duckdb.rows(whole), false);
  } catch (error) {
    return String(error);
  }
}

function plain(value: unknown): Value {
  return value instanceof Date ? value.toISOString().slice(0, 10) : (value as Value);
}
