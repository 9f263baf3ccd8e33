/** The command `npm run metamorphic`. The report goes to standard output, progress to standard error. */
import { metamorphicText, runMetamorphic } from './run.js';
import { openStore } from './varve-store.js';

const usage = `npm run metamorphic -- [--queries N] [--seed S]

Random databases and conditions, for which queries that must agree are compared: ternary logic partitioning and NoREC.
--queries 50000, --seed of the time. A failure is made smaller and shown with the statements that lead to it.`;

const words = process.argv.slice(2);
const numbers: Record<string, number> = { '--queries': 50_000, '--seed': Date.now() % 1_000_000 };
const isKnown = words.every((word, at) => (at % 2 === 0 ? word in numbers : /^\d+$/.test(word)));
if (!isKnown || words.length % 2 === 1) {
  console.error(usage);
  process.exitCode = 2;
} else {
  for (let at = 0; at < words.length; at += 2) numbers[words[at] ?? ''] = Number(words[at + 1]);
  const { '--queries': queries = 0, '--seed': seed = 0 } = numbers;
  let last = 0;
  const report = await runMetamorphic({
    open: openStore,
    queries,
    seed,
    failuresMax: 10,
    progress(asked) {
      if (asked - last < queries / 20) return;
      last = asked;
      console.error(`${asked} of ${queries} queries`);
    },
  });
  console.log(metamorphicText(report));
  if (report.failures.length > 0) process.exitCode = 1;
}
