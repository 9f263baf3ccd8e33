// Fuzzes one target with libFuzzer and AddressSanitizer: npm run fuzz -- TARGET [--seconds N]
//
// It builds the target itself, as cargo-fuzz would, with the stable compiler: coverage is an LLVM pass that stable
// flags reach, the sanitizer needs RUSTC_BOOTSTRAP. So a fresh machine needs nothing but Rust and a C++ compiler.
// Starts from the committed seeds; what it finds by itself is kept outside the repository for the next run.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, stateFolder } from './lib/paths.mjs';
import { cargoPhase, run } from './lib/run.mjs';

const folder = join(root, 'native/fuzz');
const targets = readdirSync(join(folder, 'targets')).map((name) => name.replace(/\.rs$/, ''));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' } },
});
const [target = ''] = positionals;
const seconds = Number(values.seconds);

if (positionals.length !== 1 || !targets.includes(target) || !Number.isSafeInteger(seconds) || seconds < 1) {
  console.error(`usage: npm run fuzz -- ${targets.join('|')} [--seconds N]`);
  process.exitCode = 2;
} else process.exitCode = await fuzz(await build());

/** @returns {Promise<string>} the program */
async function build() {
  const coverage = ['level=4', 'inline-8bit-counters', 'pc-table', 'trace-compares'];
  const flags = [
    '--cfg fuzzing',
    '-Cpasses=sancov-module',
    ...coverage.map((option) => `-Cllvm-args=-sanitizer-coverage-${option}`),
    '-Zsanitizer=address',
    '-Cdebug-assertions',
    '-Ccodegen-units=1',
  ].join(' ');
  // With the triple named, the flags reach the target's crates only, not build scripts.
  const triple = hostTriple();
  const out = join(process.env.CARGO_TARGET_DIR ?? join(folder, 'target'), 'fuzz');
  const manifest = join(folder, 'Cargo.toml');
  await run(
    'cargo',
    [
      'build',
      '--release',
      '--locked',
      '--manifest-path',
      manifest,
      '--target',
      triple,
      '--target-dir',
      out,
      '--bin',
      target,
    ],
    { label: `building ${target}`, phase: cargoPhase, env: { RUSTC_BOOTSTRAP: '1', RUSTFLAGS: flags } },
  );
  return join(out, triple, 'release', target);
}

/** @param {string} program @returns {Promise<number>} the exit code */
function fuzz(program) {
  const found = join(stateFolder, 'fuzz', target);
  const artifacts = join(folder, 'artifacts', target);
  for (const made of [found, artifacts]) mkdirSync(made, { recursive: true });
  const seeds = join(folder, 'seeds', target);
  const corpus = [found, ...(existsSync(seeds) ? [seeds] : [])];
  const limits = [`-max_total_time=${seconds}`, '-timeout=10', '-rss_limit_mb=1024', '-max_len=65536'];
  const child = spawn(program, [...corpus, ...limits, `-artifact_prefix=${artifacts}/`], {
    stdio: 'inherit',
  });
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

/** Such as x86_64-unknown-linux-gnu. */
function hostTriple() {
  const text = execFileSync(process.env.RUSTC ?? 'rustc', ['-vV'], { encoding: 'utf8' });
  const triple = /^host: (\S+)$/m.exec(text)?.[1];
  if (triple === undefined) throw new Error('rustc does not tell its host');
  return triple;
}
