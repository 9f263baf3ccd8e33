// The Rust side as cargo describes it.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';

/**
 * @typedef {object} Crate
 * @property {string} name
 * @property {{name: string, kind: string | null, path?: string}[]} dependencies
 * @property {{kind: string[], crate_types: string[]}[]} targets
 * @property {string} license
 */

/** Manifests of every Cargo workspace in the repository, relative to the root. @returns {string[]} */
export function manifests() {
  const benchmarks = join(root, 'benchmarks');
  const inBenchmarks = existsSync(benchmarks)
    ? readdirSync(benchmarks).map((name) => `benchmarks/${name}/Cargo.toml`)
    : [];
  return ['native/Cargo.toml', ...inBenchmarks].filter((path) => existsSync(join(root, path)));
}

/**
 * The crates of one workspace in the groups in which they are built and tested: most alone, some together, as the
 * workspace's `metadata.varve.together` says and why.
 * @param {string} manifest
 * @returns {Crate[][]}
 */
export function groupsOf(manifest) {
  const { packages, metadata } = describe(manifest);
  /** @type {string[]} */
  const together = metadata?.varve?.together ?? [];
  const alone = packages.filter(({ name }) => !together.includes(name)).map((crate) => [crate]);
  const group = packages.filter(({ name }) => together.includes(name));
  return group.length === 0 ? alone : [...alone, group];
}

/** The crates of one workspace. @param {string} manifest @returns {Crate[]} */
export function cratesOf(manifest) {
  return describe(manifest).packages;
}

/** @param {string} manifest @returns {{packages: Crate[], metadata: {varve?: {together?: string[]}} | null}} */
function describe(manifest) {
  const text = execFileSync(
    'cargo',
    ['metadata', '--format-version', '1', '--no-deps', '--manifest-path', join(root, manifest)],
    { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return JSON.parse(text);
}

/** A library that only Node can load: its tests would not link, so JavaScript tests it. @param {Crate} crate */
export function isAddon(crate) {
  return crate.targets.some(({ crate_types: types }) => types.includes('cdylib') && !types.includes('lib'));
}
