/** Table g: made by DuckDB once, kept as Parquet, and loaded into a database of each engine once per run. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../../result.js';
import { dataFolder } from '../data-folder.js';
import { connect } from '../duckdb.js';
import type { ParquetTable, SqlEngine, SqlEngineKind } from '../engine.js';
import { sizes } from '../sizes.js';
import { readSql } from '../statements.js';

/** Table g in its Parquet file. */
export async function tableG({ size, progress }: Context): Promise<ParquetTable> {
  const { rows } = sizes[size];
  const folder = await dataFolder(`h2o-${rows}`, async (to) => {
    progress.step(`making ${rows.toLocaleString('en')} rows with DuckDB (once)`);
    const { connection, close } = await connect();
    const select = readSql('h2o/generate.sql', { rows, distinct: rows / 100 });
    await connection.run(`copy (${select}) to '${join(to, 'g.parquet')}' (format parquet)`);
    close();
  });
  return { name: 'g', file: join(folder, 'g.parquet') };
}

/** The folder of an engine's database with table g; loaded at the first call of a run. */
export async function loadedG(kind: SqlEngineKind, context: Context): Promise<string> {
  const folder = join(context.folder, `g, ${kind.store}`);
  if (existsSync(folder)) return folder;
  const table = await tableG(context);
  context.progress.step(`loading ${sizes[context.size].rows.toLocaleString('en')} rows into ${kind.store}`);
  mkdirSync(folder);
  await kind.load(folder, [table]);
  return folder;
}

/** Opens every engine over its loaded table g. */
export async function openAll(
  kinds: readonly SqlEngineKind[],
  context: Context,
): Promise<readonly SqlEngine[]> {
  const engines: SqlEngine[] = [];
  for (const kind of kinds) engines.push(await kind.open(await loadedG(kind, context)));
  return engines;
}
