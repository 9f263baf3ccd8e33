// Writes NOTICE: what is compiled into the native addons and what the packages load, each with its licence. Every package
// gets a copy of LICENSE, and each addon a NOTICE of what is in it: npm packs what lies in the folder.
//
//   node ci/notice.mjs           writes them
//   node ci/notice.mjs --check   fails when a NOTICE is not what manifests and lockfiles say, or a copy differs
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundledCrates } from './lib/bundled-crates.mjs';
import { loadedPackages } from './lib/loaded-packages.mjs';
import { root } from './lib/paths.mjs';
import { publicPackages } from './lib/public-packages.mjs';

/** @typedef {import('./lib/bundled-crates.mjs').Crate} Crate */
/** @typedef {{name: string, crates: readonly Crate[]}} Addon */

const rule = '-'.repeat(100);

/** @type {readonly Addon[]} */
const addons = [
  { name: 'embedded', crates: bundledCrates([]) },
  { name: 'mobile', crates: bundledCrates(['--no-default-features', '--features', 'scan']) },
  { name: 'pc', crates: bundledCrates(['--no-default-features', '--features', 'sql']) },
];
const license = read('LICENSE');
/** @type {readonly [string, string][]} */
const files = [
  ['NOTICE', render(addons, loaded())],
  ...addons.map((addon) => /** @type {[string, string]} */ ([noticeFile(addon), render([addon], [])])),
  ...publicPackages().map((folder) => /** @type {[string, string]} */ ([`${folder}/LICENSE`, license])),
];
const stale = files.filter(([name, text]) => !existsSync(join(root, name)) || read(name) !== text);
if (!process.argv.includes('--check')) {
  for (const [name, text] of stale) writeFileSync(join(root, name), text);
} else if (stale.length > 0) {
  const names = stale.map(([name]) => name).join(', ');
  console.error(`stale: ${names}; run node ci/notice.mjs and commit what it writes`);
  process.exitCode = 1;
}

/** @param {string} name */
function read(name) {
  return readFileSync(join(root, name), 'utf8');
}

/** @param {Addon} addon */
function noticeFile({ name }) {
  return `native/addons/${name}/NOTICE`;
}

/** @param {readonly Addon[]} addons @param {readonly string[]} packages lines about them */
function render(addons, packages) {
  const crates = addons.flatMap((addon) => addon.crates);
  return `${[
    'Varve',
    'Copyright 2026 The Varve authors',
    '',
    'Licensed under the Apache License, Version 2.0; see LICENSE. Written by ci/notice.mjs; do not edit.',
    ...addons.flatMap(compiledIn),
    ...packages,
    '',
    'Licence texts of what is compiled in and not used under the Apache License:',
    ...texts(crates, ({ text }) => text),
    ...notices(crates),
  ].join('\n')}\n`;
}

/** @param {Addon} addon @returns {string[]} */
function compiledIn({ name, crates }) {
  return [
    '',
    `Compiled into the native addon @varve/native-${name}, besides the standard library of Rust`,
    '(MIT OR Apache-2.0):',
    '',
    ...crates.map((crate) => row(crate.name, crate.version, crate.license)),
    ...(crates.some((crate) => crate.name === 'libsqlite3-sys')
      ? ['', 'libsqlite3-sys carries SQLite, which is in the public domain.']
      : []),
  ];
}

/** @returns {string[]} */
function loaded() {
  return [
    '',
    'Loaded by the packages at run time and installed beside them, not copied into them (classic-level',
    'carries LevelDB and Snappy, both BSD-3-Clause):',
    '',
    ...loadedPackages().map(({ name, version, license }) => row(name, version, license)),
  ];
}

/** What the Apache License asks to pass on. @param {readonly Crate[]} crates @returns {string[]} */
function notices(crates) {
  const found = texts(crates, ({ notice }) => notice);
  return found.length === 0 ? [] : ['', rule, '', 'Notices of what is compiled in:', ...found];
}

/** Each text once, under the crates that have it. @param {readonly Crate[]} crates @param {(crate: Crate) => string} of */
function texts(crates, of) {
  /** @type {Map<string, Set<string>>} */
  const namesOf = new Map();
  for (const crate of crates) {
    const names = namesOf.get(of(crate)) ?? new Set();
    namesOf.set(of(crate), names.add(`${crate.name} ${crate.version}`));
  }
  namesOf.delete('');
  return [...namesOf].flatMap(([text, names]) => ['', rule, [...names].toSorted().join('\n'), '', text]);
}

/** @param {string} name @param {string} version @param {string} license */
function row(name, version, license) {
  return `  ${name.padEnd(36)} ${version.padEnd(14)} ${license}`;
}
