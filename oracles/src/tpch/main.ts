/**
 * The command `npm run tpch`: the 22 queries of TPC-H on Varve, with rows as they were appended and in segments, and on
 * DuckDB; fails where the answers differ. The data is Parquet that the benchmark has made.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Question, runBeside } from '../beside/run.js';

const [data = join(process.env.VARVE_BENCH_DATA ?? join(homedir(), '.cache/varve/bench-data'), 'tpch-0.01')] =
  process.argv.slice(2);

if (existsSync(data)) {
  const failed = await runBeside({
    data,
    questions: Array.from({ length: 22 }, (_, at) => question(at + 1)),
  });
  if (failed > 0) process.exitCode = 1;
} else {
  console.error(
    `npm run tpch -- [FOLDER]\n\n${data} is not there: run "npm run bench -- sql --size small --only tpch"`,
  );
  process.exitCode = 2;
}

/** The text as the benchmark has it; a share of stock counts as important by the scale of the data. */
function question(number: number): Question {
  const file = `../../../benchmarks/sql/tpch/q${String(number).padStart(2, '0')}.sql`;
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const sql = text.replace('{fraction}', String(0.0001 / 0.01)).replace(/;\s*$/, '');
  return { name: `query ${number}`, sql };
}
