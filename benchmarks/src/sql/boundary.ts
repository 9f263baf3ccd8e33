/**
 * Case `boundary`: 1 M rows of int64, double, string and timestamp on their way into JavaScript, and how long they keep
 * the event loop from turning; each time in a process of its own, for what one way leaves on the heap decides how soon
 * V8 collects garbage for the next.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../command.js';
import type { Case, Context } from '../result.js';
import { interleave, row, WrongAnswer } from '../rounds.js';
import type { Reply, Request } from './boundary.child.js';
import { dataFolder } from './data-folder.js';
import { connect, duckdb } from './duckdb.js';
import type { ParquetTable } from './engine.js';
import { type Fingerprint, fingerprint, mustMatch } from './fingerprint.js';
import { polarsKinds } from './polars.js';
import { sizes } from './sizes.js';
import { readSql } from './statements.js';
import { lastDigits } from './timing.js';
import { findVarve, varveKind } from './varve.js';
import { everything, waysOf } from './ways.js';

const name = 'boundary';

export async function boundary(context: Context): Promise<readonly Case[]> {
  const folders = await loadedB(context);
  context.progress.step('boundary: rows into JavaScript');
  const ways = [...folders].flatMap(([kind, folder]) => waysOf(kind).map((way) => ({ name: way, folder })));
  const blocked = new Map(ways.map((way) => [way.name, [] as number[]]));
  const times = await interleave(ways, sizes[context.size].boundaryRounds, async ({ name: way, folder }) => {
    const request: Request = { way, folder };
    const { ms, blockedMs, delivered } = await runChild<Reply>(
      new URL('boundary.child.js', import.meta.url),
      [JSON.stringify(request)],
    );
    if (delivered < sizes[context.size].boundaryRows)
      throw new WrongAnswer(`${name}: ${way} delivers too little`);
    blocked.get(way)?.push(blockedMs);
    return ms;
  });
  return [
    row({ case: name, metric: 'time', unit: 'ms', better: 'lower' }, times),
    row({ case: name, metric: 'event loop blocked', unit: 'ms', better: 'lower' }, blocked),
  ];
}

async function tableB({ size, progress }: Context): Promise<ParquetTable> {
  const rows = sizes[size].boundaryRows;
  const folder = await dataFolder(`boundary-${rows}`, async (to) => {
    progress.step(`making ${rows.toLocaleString('en')} rows with DuckDB (once)`);
    const { connection, close } = await connect();
    const select = readSql('boundary.sql', { rows });
    await connection.run(`copy (${select}) to '${join(to, 'b.parquet')}' (format parquet)`);
    close();
  });
  return { name: 'b', file: join(folder, 'b.parquet') };
}

/** Loads the table into every engine and compares their answers. @returns the folder of each kind of engine */
async function loadedB(context: Context): Promise<ReadonlyMap<string, string>> {
  const table = await tableB(context);
  const sql = await findVarve();
  const polars = polarsKinds(table.name, { [everything.name]: (b) => b })[0];
  const own = sql === undefined ? [] : [varveKind(sql, 'varve')];
  const folders = new Map<string, string>();
  const answers = new Map<string, Fingerprint>();
  for (const kind of [...own, duckdb, ...(polars === undefined ? [] : [polars])]) {
    const folder = join(context.folder, `b, ${kind.name}`);
    mkdirSync(folder);
    folders.set(kind.name, folder);
    await kind.load(folder, [table]);
    const engine = await kind.open(folder);
    answers.set(kind.name, await fingerprint(engine.answer(everything)));
    await engine.close();
  }
  mustMatch(name, answers, lastDigits);
  return folders;
}
