// Makes a clone ready: toolchain, packages, native addon, compiled TypeScript, bundles. Idempotent, and quick when
// nothing is to do. It runs before anything is installed, so it is plain JavaScript without dependencies.
//
//   node ci/setup.mjs            everything
//   node ci/setup.mjs --install  toolchain and packages only (the cheap checks of ci need no more)
import { existsSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { installMatchesLock } from './lib/installed.mjs';
import { root } from './lib/paths.mjs';
import { cargoPhase, run, StepFailed } from './lib/run.mjs';
import { fingerprint, isFresh, stamp } from './lib/stamp.mjs';
import { readToolchain, toolchainProblems } from './lib/toolchain.mjs';

const addon = 'native/addons/embedded';
const addonSources = ['native/Cargo.toml', 'native/Cargo.lock', 'native/crates', 'native/addons'];

try {
  const toolchain = readToolchain();
  const problems = toolchainProblems(toolchain);
  if (problems.length > 0) {
    for (const problem of problems) console.error(problem);
    process.exitCode = 1;
  } else {
    ageVendored();
    await installPackages();
    if (!process.argv.includes('--install')) {
      await buildAddon(toolchain.rust ?? '');
      await compileTypeScript();
      await bundlePackages();
    }
  }
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  process.exitCode = 1;
}

/**
 * Cargo compiles anew what depends on a file that is newer than its build, and in a fresh clone every file is. What
 * depends on the crates in `native/vendor` is most of Vortex, and they change with a version only.
 */
function ageVendored() {
  const age = new Date('2026-01-01T00:00:00Z');
  for (const name of readdirSync(join(root, 'native/vendor'), { recursive: true, encoding: 'utf8' }))
    utimesSync(join(root, 'native/vendor', name), age, age);
}

async function installPackages() {
  if (installMatchesLock()) return;
  await run('npm', ['ci', '--no-progress'], { label: 'installing packages (npm ci)' });
}

/** @param {string} rustVersion */
async function buildAddon(rustVersion) {
  if (!existsSync(join(root, addon, 'build.mjs'))) return;
  const print = fingerprint(addonSources, [rustVersion, process.platform, process.arch]);
  const built = readdirSync(join(root, addon)).some((name) => name.endsWith('.node'));
  if (built && isFresh('addon-embedded', print)) return;
  const { output } = await run(process.execPath, [`${addon}/build.mjs`], {
    label: 'building the native addon (cargo, optimised)',
    phase: cargoPhase,
  });
  // What the build script warns of, such as a linker that cannot order the code.
  for (const line of output.match(/^warning: varve_napi@.*/gm) ?? []) console.error(`  ${line}`);
  stamp('addon-embedded', print);
}

async function compileTypeScript() {
  const { code, output } = await run('npx', ['--no-install', 'tsc', '-b'], {
    label: 'compiling TypeScript',
    allowFailure: true,
  });
  if (code === 0) return;
  process.stderr.write(output);
  throw new StepFailed('compiling TypeScript');
}

/** Always: it takes less time than to find out whether it is needed. */
async function bundlePackages() {
  await run(process.execPath, ['ci/bundle.mjs'], { label: 'bundling the packages' });
}
