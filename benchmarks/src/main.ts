/** The command `npm run bench`: see `usage`. Results go to standard output, progress to standard error. */
import { inspect } from 'node:util';
import { parseCommandLine, UsageError, usage } from './command-line.js';
import { readGoals, scoreboard } from './goals.js';
import { endProcess } from './interruption.js';
import { describeCommit } from './machine.js';
import { createProgress } from './progress.js';
import { writeReadme } from './readme.js';
import type { Run } from './result.js';
import { readResults, resultsFolder, writeIncomplete, writeResult } from './results.js';
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
  const { suite: name, size, seed, only, keyCount } = request;
  const suite = suites[name];
  if (suite === undefined) throw new UsageError(`there is no suite ${name}`);
  const isWhole = size === 'real' && only === undefined && keyCount === undefined;
  if (isWhole && request.json === undefined) refuseChanges();
  const file = request.json ?? (isWhole ? `${resultsFolder}${name}-real.json` : undefined);
  const keep = (soFar: Run): string | undefined =>
    file === undefined || soFar.cases.length === 0 ? undefined : writeIncomplete(file, soFar);
  const progress = createProgress(process.stderr);
  const { run, failure } = await runSuite({ name, suite, size, seed, only, keyCount, progress, keep });
  print(run);
  if (failure === undefined) {
    if (file !== undefined) console.error(`wrote ${writeResult(file, run)}`);
    return;
  }
  const kept = keep(run);
  if (kept !== undefined) console.error(`wrote ${kept}: what was measured before the failure`);
  console.error(`\n${name} ${run.incomplete}\n\n${inspect(failure)}`);
  // Whatever the part that failed left open must not keep the process.
  endProcess(failure);
}

/** Committed results name the commit that they are of. @throws UsageError */
function refuseChanges(): void {
  const { commit, changedFiles } = describeCommit();
  if (changedFiles.length === 0) return;
  throw new UsageError(
    `${changedFiles.length} files differ from commit ${commit.slice(0, -1)}, ${changedFiles[0]} first: commit them, ` +
      'or name a file of your own with --json',
  );
}

function print({ suite, cases, notes, goals: judged }: Run): void {
  console.log(formatCases(cases));
  for (const note of notes ?? []) console.log(`note: ${note}`);
  const goals = readGoals().filter((goal) => goal.suite === suite);
  const outcomes = goals.map((goal) => [goal, judged.find(({ id }) => id === goal.id)] as const);
  console.log(`\n${formatGoals(outcomes)}`);
}
