// Every benchmark suite at its small size, as a test of the benchmark: the answers must agree, each goal must find its
// figure, and no case may be missing. Times are not judged: a busy machine would fail, and the addon of SQL is the one that
// `npm test` built, which is not optimised.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingFigures } from './lib/figures.mjs';
import { root, stateFolder } from './lib/paths.mjs';
import { cargoPhase, run } from './lib/run.mjs';

/** @type {readonly import('./lib/figures.mjs').Goal[]} */
const goals = readJson('benchmarks/goals.json');
const suites = [...new Set(goals.map(({ suite }) => suite))];
const folder = join(stateFolder, 'small-benches');
mkdirSync(folder, { recursive: true });

const problems = [];
for (const suite of suites) {
  const file = join(folder, `${suite}.json`);
  const { code, output } = await run(
    process.execPath,
    ['benchmarks/dist/main.js', suite, '--size', 'small', '--json', file],
    { label: `small benchmark: ${suite}`, phase, allowFailure: true },
  );
  if (code !== 0) {
    console.log(output.trimEnd());
    problems.push(`${suite}: ended with ${code}`);
    continue;
  }
  const committed = `benchmarks/results/${suite}-real.json`;
  const expected = existsSync(join(root, committed)) ? readJson(committed).cases : [];
  const found = missingFigures(JSON.parse(readFileSync(file, 'utf8')), { goals, expected });
  problems.push(...found.map((problem) => `${suite}: ${problem}`));
}

for (const problem of problems) console.log(`  ${problem}`);
console.log(`small benchmarks: ${suites.length} suites, ${problems.length} problems`);
if (problems.length > 0) process.exitCode = 1;

/** @param {string} line */
function phase(line) {
  return /^[✓·] (.*)/.exec(line)?.[1] ?? cargoPhase(line);
}

/** @param {string} path relative to the root */
function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}
