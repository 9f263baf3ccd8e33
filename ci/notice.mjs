// Writes NOTICE: what is compiled into the native addon and what the packages load, each with its licence. Every package
// gets a copy of LICENSE, and the addon one of NOTICE: npm packs what lies in the folder.
//
//   node ci/notice.mjs           writes them
//   node ci/notice.mjs --check   fails when NOTICE is not what manifests and lockfiles say, or a copy differs
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadedPackages } from './lib/loaded-packages.mjs';
import { root } from './lib/paths.mjs';
import { publicPackages } from './lib/public-packages.mjs';

/** @typedef {{name: string, version: string, license: string, authors: string[], folder: string}} Crate */

/** Platforms that the addon is built for, as Rust names them. */
const targets = ['x86_64-unknown-linux-gnu', 'aarch64-unknown-linux-gnu'];

/** Licences that ask for no text beyond LICENSE. */
const settled = 'Apache-2.0';

const rule = '-'.repeat(100);

const mit = `The MIT License

Copyright (c) HOLDERS

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

const notice = render(bundledCrates(), loadedPackages());
const license = read('LICENSE');
/** @type {[string, string][]} */
const files = [
  ['NOTICE', notice],
  ['native/addons/embedded/NOTICE', notice],
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

/** @param {readonly Crate[]} crates @param {readonly {name: string, version: string, license: string}[]} packages */
function render(crates, packages) {
  const texts = crates.filter(({ license }) => chosen(license) !== settled);
  return `${[
    'Varve',
    'Copyright 2026 The Varve authors',
    '',
    'Licensed under the Apache License, Version 2.0; see LICENSE. Written by ci/notice.mjs; do not edit.',
    '',
    'Compiled into the native addon (@varve/native-embedded), besides the standard library of Rust',
    '(MIT OR Apache-2.0):',
    '',
    ...crates.map(({ name, version, license }) => row(name, version, chosen(license))),
    '',
    'Loaded by the packages at run time and installed beside them, not copied into them (classic-level',
    'carries LevelDB and Snappy, both BSD-3-Clause):',
    '',
    ...packages.map(({ name, version, license }) => row(name, version, license)),
    '',
    'Licence texts of what is compiled in and not used under the Apache License:',
    ...texts.flatMap((crate) => ['', rule, `${crate.name} ${crate.version}`, '', licenceText(crate)]),
  ].join('\n')}\n`;
}

/** @param {string} name @param {string} version @param {string} license */
function row(name, version, license) {
  return `  ${name.padEnd(24)} ${version.padEnd(10)} ${license}`;
}

/** The licence that is used where there is a choice. @param {string} license */
function chosen(license) {
  const choices = license.split(/ OR |\//);
  return choices.find((one) => one === settled) ?? choices.find((one) => one === 'MIT') ?? license;
}

/** Every crate of others in the addon, by name. @returns {Crate[]} */
function bundledCrates() {
  const manifest = ['--locked', '--manifest-path', join(root, 'native/Cargo.toml')];
  const known = new Map(
    JSON.parse(cargo(['metadata', '--format-version', '1', ...manifest])).packages.map(
      (/** @type {any} */ crate) => [`${crate.name} v${crate.version}`, crate],
    ),
  );
  const edges = ['--edges', 'normal,no-proc-macro', '--prefix', 'none', '--format', '{p}'];
  const lines = targets.flatMap((target) =>
    cargo(['tree', ...manifest, '--package', 'varve_napi', ...edges, '--target', target]).split('\n'),
  );
  // A line is `NAME vVERSION`, with `(*)` when it came before; our own crates carry their path.
  const names = new Set(lines.map((line) => line.replace(/ \(\*\)$/, '').trim()));
  return [...names]
    .filter((name) => name !== '' && !name.includes('('))
    .toSorted()
    .map((name) => {
      const crate = known.get(name);
      if (crate === undefined) throw new Error(`cargo metadata does not know ${name}`);
      const { version, license, authors, manifest_path: path } = crate;
      return { name: crate.name, version, license, authors, folder: dirname(path) };
    });
}

/** The licence as the crate ships it; the standard text with its authors when it ships none. @param {Crate} crate */
function licenceText({ name, license, authors, folder }) {
  const names = readdirSync(folder).filter((entry) => /^(?:LICEN[CS]E|COPYING)/i.test(entry));
  const found = names.find((entry) => entry.toUpperCase().includes(chosen(license))) ?? names[0];
  if (found !== undefined)
    return readFileSync(join(folder, found), 'utf8')
      .replaceAll(/[ \t]+$/gm, '')
      .trim();
  if (chosen(license) !== 'MIT') throw new Error(`${name} ships no licence text`);
  return mit.replace('HOLDERS', authors.join(', ') || `the authors of ${name}`);
}

/** @param {readonly string[]} args */
function cargo(args) {
  return execFileSync('cargo', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
