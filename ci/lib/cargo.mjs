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

/** The crates of one workspace. @param {string} manifest @returns {Crate[]} */
export function cratesOf(manifest) {
  const text = execFileSync(
    'cargo',
    ['metadata', '--format-version', '1', '--no-deps', '--manifest-path', join(root, manifest)],
    { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return JSON.parse(text).packages;
}

/** A library that only Node can load: its tests would not link, so JavaScript tests it. @param {Crate} crate */
export function isAddon(crate) {
  return crate.targets.some(({ crate_types: types }) => types.includes('cdylib') && !types.includes('lib'));
}
