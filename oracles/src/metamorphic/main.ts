/** The command `npm run metamorphic`. The report goes to standard output, progress to standard error. */

import { numbersOf, twentieths } from '../command-line.js';
import { metamorphicText, runMetamorphic } from './run.js';
import { openStore } from './varve-store.js';

const usage = `npm run metamorphic -- [--queries N] [--seed S]

Random databases and conditions, for which queries that must agree are compared: ternary logic partitioning and NoREC.
--queries 50000, --seed of the time. A failure is made smaller and shown with the statements that lead to it.`;

const asked = numbersOf(process.argv.slice(2), { queries: 50_000, seed: Date.now() % 1_000_000 });
if (asked === undefined) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const progress = twentieths(asked.queries, 'queries');
  const report = await runMetamorphic({ open: openStore, ...asked, failuresMax: 10, progress });
  console.log(metamorphicText(report));
  if (report.failures.length > 0) process.exitCode = 1;
}
