// What the build scripts of the addons have in common. Plain JavaScript, because it runs before anything is compiled.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderTypes } from './types.mjs';

const manifest = fileURLToPath(new URL('../Cargo.toml', import.meta.url));
const entry = fileURLToPath(new URL('../crates/varve_napi/src/lib.rs', import.meta.url));

/** @typedef {{profile: string, selection: readonly string[], env?: Record<string, string>}} Build */

/**
 * Compiles varve_napi and puts the library at `target`.
 *
 * @param {Build} build @param {string} target
 */
export function buildLibrary({ profile, selection, env = {} }, target) {
  cargo(['build', '--locked', '--profile', profile, ...selection], env);
  /** @type {Partial<Record<NodeJS.Platform, string>>} */
  const libraries = { linux: 'libvarve_napi.so', darwin: 'libvarve_napi.dylib', win32: 'varve_napi.dll' };
  const library = libraries[process.platform];
  if (library === undefined) throw new Error(`there is no addon for ${process.platform}`);
  // Cargo's name for the folder of its profile dev.
  const folder = profile === 'dev' ? 'debug' : profile;
  // A running process may have the old library mapped: replace the name, do not write into the file.
  copyFileSync(join(targetFolder(), folder, library), `${target}.new`);
  renameSync(`${target}.new`, target);
}

/**
 * Writes the types of what an addon exports, or with `checkOnly` fails when `file` does not hold them.
 *
 * @param {string} verb `check`, or `build` where the dependencies are compiled anyway
 * @param {readonly string[]} selection @param {{file: string, imports: string, script: string, checkOnly: boolean}} output
 */
export function writeTypes(verb, selection, { file, imports, script, checkOnly }) {
  const folder = mkdtempSync(join(tmpdir(), 'varve-types-'));
  try {
    // The derive macros describe the exports while they expand, so the crate must be expanded now.
    const now = new Date();
    utimesSync(entry, now, now);
    cargo([verb, '--locked', ...selection], { NAPI_TYPE_DEF_TMP_FOLDER: folder });
    const text = renderTypes(readFileSync(join(folder, 'varve_napi'), 'utf8'), imports);
    if (!checkOnly) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text) {
      console.error(`${file} is stale: run "node ${script} --types"`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function targetFolder() {
  const args = ['metadata', '--format-version', '1', '--no-deps', '--manifest-path', manifest];
  const text = execFileSync('cargo', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  return JSON.parse(text).target_directory;
}

/** @param {string[]} args @param {Record<string, string>} env */
function cargo(args, env) {
  execFileSync('cargo', [...args, '--manifest-path', manifest], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
}
