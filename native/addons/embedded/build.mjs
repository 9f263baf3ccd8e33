// Builds the native addon of the embedded tier.
//
//   node build.mjs                  compiles varve_napi (optimised, stripped) and puts the library beside this file
//   node build.mjs --types          writes src/native.ts, the types of what the addon exports, again
//   node build.mjs --types --check  fails when src/native.ts is not what the Rust source says
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
import { addonFile } from './platform.mjs';
import { renderTypes } from './types.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const manifest = fileURLToPath(new URL('../../Cargo.toml', import.meta.url));
const words = process.argv.slice(2);

if (words.includes('--types')) writeTypes(words.includes('--check'));
else buildLibrary();

function buildLibrary() {
  // sections.ld of varve_napi orders functions by what their symbols name, and only this mangling names it all.
  const flags = `${process.env.RUSTFLAGS ?? ''} -Csymbol-mangling-version=v0`;
  cargo(['build', '--locked', '--profile', 'addon', '--package', 'varve_napi'], { RUSTFLAGS: flags });
  /** @type {Partial<Record<NodeJS.Platform, string>>} */
  const libraries = { linux: 'libvarve_napi.so', darwin: 'libvarve_napi.dylib', win32: 'varve_napi.dll' };
  const library = libraries[process.platform];
  if (library === undefined) throw new Error(`there is no addon for ${process.platform}`);
  const target = join(here, addonFile());
  // A running process may have the old library mapped: replace the name, do not write into the file.
  copyFileSync(join(targetFolder(), 'addon', library), `${target}.new`);
  renameSync(`${target}.new`, target);
}

/** @param {boolean} checkOnly */
function writeTypes(checkOnly) {
  const folder = mkdtempSync(join(tmpdir(), 'varve-types-'));
  try {
    // The derive macros describe the exports while they expand, so the crate must be expanded now.
    const now = new Date();
    utimesSync(fileURLToPath(new URL('../../crates/varve_napi/src/lib.rs', import.meta.url)), now, now);
    cargo(['check', '--locked', '--package', 'varve_napi'], { NAPI_TYPE_DEF_TMP_FOLDER: folder });
    const text = renderTypes(readFileSync(join(folder, 'varve_napi'), 'utf8'));
    const file = join(here, 'src/native.ts');
    if (!checkOnly) writeFileSync(file, text);
    else if (readFileSync(file, 'utf8') !== text) {
      console.error('src/native.ts is stale: run "node native/addons/embedded/build.mjs --types"');
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

/** @param {string[]} args @param {Record<string, string>} [env] */
function cargo(args, env = {}) {
  execFileSync('cargo', [...args, '--manifest-path', manifest], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
}
