/** The command `npm run bench`: see `usage`. Results go to standard output, progress to standard error. */
import { parseCommandLine, UsageError, usage } from './command-line.js';
import { readGoals, scoreboard } from './goals.js';
import { createProgress } from './progress.js';
import { writeReadme } from './readme.js';
import { readResults, resultsFolder, writeResult } from './results.js';
import { runSuite } from './run-suite.js';
import { suites } from './suites.js';
import { formatCases, formatGoals } from './table.js';

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}

async function main(words: readonly string[]): Promise<void> {
  const command = parseCommandLine(words, Object.keys(suites));
  switch (command.name) {
    case 'help':
      console.log(usage);
      return;
    case 'goals':
      console.log(formatGoals(scoreboard(readGoals(), readResults())));
      return;
    case 'readme':
      for (const file of writeReadme(readResults(), readGoals())) console.log(`wrote ${file}`);
      return;
    case 'suite':
      await measure(command);
  }
}

async function measure(
  request: Extract<ReturnType<typeof parseCommandLine>, { name: 'suite' }>,
): Promise<void> {
  const { suite: name, size, seed, only } = request;
  const suite = suites[name];
  if (suite === undefined) throw new UsageError(`there is no suite ${name}`);
  const run = await runSuite({ name, suite, size, seed, only, progress: createProgress(process.stderr) });
  console.log(formatCases(run.cases));
  for (const note of run.notes ?? []) console.log(`note: ${note}`);
  const goals = readGoals().filter((goal) => goal.suite === name);
  const outcomes = goals.map((goal) => [goal, run.goals.find(({ id }) => id === goal.id)] as const);
  console.log(`\n${formatGoals(outcomes)}`);
  const file =
    request.json ?? (size === 'real' && only === undefined ? `${resultsFolder}${name}-real.json` : undefined);
  if (file === undefined) return;
  writeResult(file, run);
  console.error(`wrote ${file}`);
}
