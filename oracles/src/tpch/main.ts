/**
 * The command `npm run tpch`: the 22 queries of TPC-H on Varve, with rows as they were appended and in segments, and on
 * DuckDB; fails where the answers differ. The data is Parquet that the benchmark has made.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type PcDatabase } from '@varve/pc';
import { difference, type Value } from './compare.js';
import { type DuckDb, openDuckDb } from './duckdb.js';

const [data = join(process.env.VARVE_BENCH_DATA ?? join(homedir(), '.cache/varve/bench-data'), 'tpch-0.01')] =
  process.argv.slice(2);
const appendedRows = 50_000;

if (existsSync(data)) await main();
else {
  console.error(
    `npm run tpch -- [FOLDER]\n\n${data} is not there: run "npm run bench -- sql --size small --only tpch"`,
  );
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'varve-tpch-'));
  const duckdb = await openDuckDb();
  const varve = await open(join(folder, 'db'), { threads: 2 });
  try {
    for (const file of readdirSync(data)) await load(duckdb, varve, file.replace(/\.parquet$/, ''));
    let failed = await compareAll(duckdb, varve, 'hot');
    await varve.query('VACUUM');
    failed += await compareAll(duckdb, varve, 'segments');
    console.log(`${44 - failed} passed, ${failed} failed`);
    if (failed > 0) process.exitCode = 1;
  } finally {
    await varve.close();
    duckdb.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function load(duckdb: DuckDb, varve: PcDatabase, table: string): Promise<void> {
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

/** @returns how many queries are answered otherwise */
async function compareAll(duckdb: DuckDb, varve: PcDatabase, place: string): Promise<number> {
  let failed = 0;
  for (let number = 1; number <= 22; number++) {
    const sql = queryOf(number);
    const told = await compare(duckdb, varve, sql);
    if (told === undefined) continue;
    failed += 1;
    console.log(`failed: query ${number}, ${place}: ${told}`);
  }
  return failed;
}

async function compare(duckdb: DuckDb, varve: PcDatabase, sql: string): Promise<string | undefined> {
  try {
    const result = await varve.query(sql);
    const rows = (await result.rows()).map((row) => result.names.map((name) => plain(row[name])));
    // The order of rows with the same key is free.
    return difference(rows, await duckdb.rows(sql), false);
  } catch (error) {
    return String(error);
  }
}

function plain(value: unknown): Value {
  return value instanceof Date ? value.toISOString().slice(0, 10) : (value as Value);
}

/** The text as the benchmark has it; a share of stock counts as important by the scale of the data. */
function queryOf(number: number): string {
  const file = `../../../benchmarks/sql/tpch/q${String(number).padStart(2, '0')}.sql`;
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  return text.replace('{fraction}', String(0.0001 / 0.01)).replace(/;\s*$/, '');
}
