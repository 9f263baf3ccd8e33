// Format, lint, import directions, repository rules, generated files, types, clippy: cheap first, all reported.

import { manifests } from './lib/cargo.mjs';
import { cargoPhase, run } from './lib/run.mjs';
import { rustDirectionProblems } from './rust-directions.mjs';
import { runTidy } from './tidy/main.mjs';

const env = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
const cargoAll = manifests();

/** @type {{label: string, start: (label: string) => Promise<boolean>}[]} */
const steps = [
  command('format: biome', 'npx', ['--no-install', 'biome', 'ci', '--error-on-warnings', '.']),
  ...cargoAll.map((path) =>
    command(`format: rustfmt ${path}`, 'cargo', ['fmt', '--check', '--all', '--manifest-path', path]),
  ),
  // Before the linter, which sees other packages through what this writes.
  command('types: tsc', 'npx', ['--no-install', 'tsc', '-b']),
  command('lint: oxlint, type-aware', 'npx', ['--no-install', 'oxlint', '--type-aware', '--deny-warnings']),
  command('directions: turbo boundaries', 'npx', ['--no-install', 'turbo', 'boundaries']),
  inProcess('directions: Rust crates', rustDirectionProblems),
  inProcess('repository rules', runTidy),
  command('generated files are fresh', process.execPath, ['capability-matrix/generate.mjs', '--check']),
  command('types: tests', 'npx', ['--no-install', 'tsc', '-p', 'tsconfig.test.json']),
  command('types: scripts', 'npx', ['--no-install', 'tsc', '-p', 'ci']),
  ...['embedded', 'mobile', 'pc'].map((addon) =>
    command(`generated types of the addon are fresh: ${addon}`, process.execPath, [
      `native/addons/${addon}/build.mjs`,
      '--types',
      '--check',
    ]),
  ),
  command('NOTICE is fresh', process.execPath, ['ci/notice.mjs', '--check']),
  ...cargoAll.map((path) => {
    // All that the addons are made of, which no addon has at once.
    const features = path === 'native/Cargo.toml' ? ['--features', 'varve_napi/sql'] : [];
    const what = ['--locked', '--all-targets', '--manifest-path', path, ...features];
    return command(`clippy ${path}`, 'cargo', ['clippy', ...what, '--', '-D', 'warnings']);
  }),
];

const words = process.argv.slice(2);
const chosen = steps.filter(({ label }) => words.length === 0 || words.some((word) => label.includes(word)));
const failed = [];
for (const { label, start } of chosen) if (!(await start(label))) failed.push(label);
if (failed.length > 0 || chosen.length === 0) {
  console.log(`check: ${failed.length} of ${chosen.length} steps failed: ${failed.join('; ')}`);
  process.exitCode = 1;
} else {
  console.log(`check: all ${chosen.length} steps are clean`);
}

/** @param {string} label @param {string} program @param {string[]} args */
function command(label, program, args) {
  return {
    label,
    async start(/** @type {string} */ label) {
      const { code, output } = await run(program, args, {
        label,
        env,
        phase: cargoPhase,
        allowFailure: true,
      });
      if (code !== 0) console.log(output.trimEnd());
      return code === 0;
    },
  };
}

/** @param {string} label @param {() => string[]} problemsOf */
function inProcess(label, problemsOf) {
  return {
    label,
    async start() {
      const problems = problemsOf();
      console.error(`${problems.length === 0 ? '✓' : '✗'} ${label}`);
      for (const problem of problems) console.log(`  ${problem}`);
      return problems.length === 0;
    },
  };
}
