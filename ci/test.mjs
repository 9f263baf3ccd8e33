// Every test of the repository: Vitest over all packages, `cargo test` per crate, abstract-level's exported suite, and a
// sample of SQLite's logic tests where they lie beside the clone.
// The last lines name every test that failed, and the very last is `N passed, N failed`; any failure, and any suite that
// ran nothing, gives a non-zero exit.
//
//   node ci/test.mjs               all
//   node ci/test.mjs varve_index   the suites whose name contains a word
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { groupsOf, isAddon, manifests } from './lib/cargo.mjs';
import { countCargo, countTap, countVitest, settle } from './lib/counts.mjs';
import { failuresOfCargo, failuresOfTap, failuresOfVitest } from './lib/failures.mjs';
import { root, stateFolder } from './lib/paths.mjs';
import { cargoPhase, run } from './lib/run.mjs';

/** @typedef {import('./lib/counts.mjs').Counts} Counts */
/** @typedef {{counts: Counts, failures: string[], output: string}} Outcome */
/** @typedef {{name: string, start: (label: string) => Promise<Outcome>}} Suite */

const words = process.argv.slice(2);
const suites = [vitestSuite(), ...cargoSuites(), ...abstractLevelSuite(), ...logicSuite()].filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
);

const total = { passed: 0, failed: 0 };
/** @type {string[]} */
const allFailures = [];
for (const [index, { name, start }] of suites.entries()) {
  const { counts, failures, output } = await start(`${name} (${index + 1} of ${suites.length})`);
  if (counts.failed > 0) console.log(`${output.trimEnd()}\n`);
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  console.log(`  ${name.padEnd(28)} ${counts.passed} passed, ${counts.failed} failed${skipped}`);
  total.passed += counts.passed;
  total.failed += counts.failed;
  if (counts.failed > 0 && failures.length === 0) failures.push('failed as a whole: its output is above');
  allFailures.push(...failures.map((failure) => `${name}: ${failure}`));
}
if (suites.length === 0) total.failed += 1;
if (total.failed > 0) process.exitCode = 1;
for (const failure of allFailures) console.log(`failed: ${failure}`);
console.log(`${total.passed} passed, ${total.failed} failed`);

/** @returns {Suite} */
function vitestSuite() {
  const report = join(stateFolder, 'vitest.json');
  return {
    name: 'vitest',
    async start(label) {
      mkdirSync(stateFolder, { recursive: true });
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
      const { code, output } = await run('npx', ['--no-install', 'vitest', 'run', ...reporters], {
        label,
        phase: (line) => /(?:✓|❯|×)\s+(\S+\.test\.\w+)/.exec(line)?.[1],
        allowFailure: true,
      });
      if (code === 127) return { counts: { passed: 0, failed: 1, skipped: 0 }, failures: [], output };
      const told = readReport(report);
      return { counts: settle(countVitest(told), code), failures: failuresOfVitest(told, root), output };
    },
  };
}

/** One suite per crate, so that a crate without tests shows, or per group of crates. @returns {Suite[]} */
function cargoSuites() {
  return manifests().flatMap((manifest) =>
    groupsOf(manifest)
      .map((crates) => crates.filter((crate) => !isAddon(crate)).map(({ name }) => name))
      .filter((names) => names.length > 0)
      .map((names) => ({
        name: `cargo ${names.join(' ')}`,
        async start(label) {
          const selection = names.flatMap((name) => ['-p', name]);
          const args = ['test', '--no-fail-fast', '--locked', '--manifest-path', manifest, ...selection];
          const { code, output } = await run('cargo', args, { label, phase: cargoPhase, allowFailure: true });
          return { counts: settle(countCargo(output), code), failures: failuresOfCargo(output), output };
        },
      })),
  );
}

/** @returns {Suite[]} */
function abstractLevelSuite() {
  const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts;
  if (scripts['test:abstract-level'] === undefined) return [];
  return [
    {
      name: 'abstract-level',
      async start(label) {
        const args = ['run', '--silent', 'test:abstract-level'];
        const { code, output } = await run('npm', args, { label, allowFailure: true });
        return { counts: settle(countTap(output), code), failures: failuresOfTap(output), output };
      },
    },
  ];
}

/** SQLite's files are no part of the repository. VARVE_SLT names their folder, `../shared/corpora/slt` by default. @returns {Suite[]} */
function logicSuite() {
  const folder = process.env.VARVE_SLT ?? join(root, '../shared/corpora/slt');
  if (!existsSync(folder)) return [];
  return [
    {
      name: 'logic tests of SQLite',
      async start(label) {
        const program = ['--conditions=@varve/unbundled', 'oracles/dist/slt/main.js'];
        const args = [...program, folder, '--sample', '20'];
        const { code, output } = await run(process.execPath, args, { label, allowFailure: true });
        const [, passed = '0', failed = '0'] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
        const counts = { passed: Number(passed), failed: Number(failed), skipped: 0 };
        const failures = [...output.matchAll(/^failed: (.*)$/gm)].map(([, text = '']) => text);
        return { counts: settle(counts, code), failures, output };
      },
    },
  ];
}

/** @param {string} path */
function readReport(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
