/** The command `npm run statements`. The report goes to standard output, progress to standard error. */

import { numbersOf, twentieths } from '../command-line.js';
import { openStore } from '../metamorphic/varve-store.js';
import { runStatements, statementsText } from './run.js';

const usage = `npm run statements -- [--statements N] [--seed S]

Random queries over random tables: joins, groups and their sets, windows, set operations and queries within queries, on
Varve and on DuckDB, whose answers must agree.
--statements 20000, --seed of the time. A statement whose answers differ is made smaller and shown with its tables.`;

const asked = numbersOf(process.argv.slice(2), { statements: 20_000, seed: Date.now() % 1_000_000 });
if (asked === undefined) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const progress = twentieths(asked.statements, 'statements');
  const report = await runStatements({ open: openStore, ...asked, failuresMax: 10, progress });
  console.log(statementsText(report));
  if (report.failures.length > 0) process.exitCode = 1;
}
