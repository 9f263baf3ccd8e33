// Makes a clone ready: toolchain, packages, native addon, compiled TypeScript, bundles. Idempotent, and quick when
// nothing is to do. It runs before anything is installed, so it is plain JavaScript without dependencies.
//
//   node ci/setup.mjs               everything but the addons of the mobile and pc tiers, whose first builds take half an hour
//   node ci/setup.mjs --install     toolchain and packages only (the cheap checks of ci need no more)
//   node ci/setup.mjs --pc PROFILE  everything, that addon in cargo's profile PROFILE: pc, for users; sql, which is as
//                                   quick, larger, and built anew sooner; or dev, in which the tests of Rust compile
//                                   the same dependencies
//   node ci/setup.mjs --mobile PROFILE  the same of the mobile tier: mobile, for size, or dev; both may be asked for
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { installMatchesLock } from './lib/installed.mjs';
import { root } from './lib/paths.mjs';
import { cargoPhase, run, StepFailed } from './lib/run.mjs';
import { fingerprint, isFresh, stamp } from './lib/stamp.mjs';
import { readToolchain, toolchainProblems } from './lib/toolchain.mjs';

/** @typedef {{name: string, profile: string, label: string}} Addon one of `native/addons`, in a profile of cargo */

const addonSources = ['native/Cargo.toml', 'native/Cargo.lock', 'native/crates', 'native/addons'];
/** @type {Addon} */
const embedded = {
  name: 'embedded',
  profile: 'addon',
  label: 'building the native addon (cargo, optimised)',
};
/** The profiles of each addon that is built when it is asked for, the one for users first. */
const profiles = { mobile: ['mobile', 'dev'], pc: ['pc', 'sql', 'dev'] };

try {
  const words = process.argv.slice(2);
  const asked = [askedAddon('mobile', words), askedAddon('pc', words)];
  const toolchain = readToolchain();
  const problems = toolchainProblems(toolchain);
  if (problems.length > 0) {
    for (const problem of problems) console.error(problem);
    process.exitCode = 1;
  } else {
    ageVendored();
    await installPackages();
    if (!words.includes('--install')) {
      await buildAddon(embedded, toolchain.rust ?? '');
      for (const addon of asked) if (addon !== undefined) await buildAddon(addon, toolchain.rust ?? '');
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

/**
 * The addon that `--NAME PROFILE` asks for.
 *
 * @param {keyof typeof profiles} name @param {readonly string[]} words @returns {Addon | undefined}
 */
function askedAddon(name, words) {
  const at = words.indexOf(`--${name}`);
  if (at === -1) return undefined;
  const profile = words[at + 1] ?? '';
  if (!profiles[name].includes(profile))
    throw new Error(`--${name} takes one of ${profiles[name].join(', ')}`);
  const kind = profile === 'dev' ? 'for tests' : 'optimised';
  return {
    name,
    profile,
    label: `building the addon of the ${name} tier (cargo, ${kind}; the first time half an hour)`,
  };
}

/** @param {Addon} addon @param {string} rustVersion */
async function buildAddon({ name, profile, label }, rustVersion) {
  const folder = `native/addons/${name}`;
  const print = fingerprint(addonSources, [rustVersion, process.platform, process.arch, profile]);
  const built = readdirSync(join(root, folder)).some((file) => file.endsWith('.node'));
  if (built && isFresh(`addon-${name}`, print)) return;
  const { output } = await run(process.execPath, [`${folder}/build.mjs`], {
    label,
    env: { VARVE_ADDON_PROFILE: profile },
    phase: cargoPhase,
  });
  // What the build script warns of, such as a linker that cannot order the code.
  for (const line of output.match(/^warning: varve_napi@.*/gm) ?? []) console.error(`  ${line}`);
  stamp(`addon-${name}`, print);
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
