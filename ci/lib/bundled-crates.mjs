// What cargo compiles of others into a native addon, with what their licences ask to pass on.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './paths.mjs';

/**
 * @typedef {object} Crate
 * @property {string} name
 * @property {string} version
 * @property {string} license the one that is used, where there is a choice
 * @property {string} text of the licence, where the project's own LICENSE does not hold it; empty otherwise
 * @property {string} notice which the Apache License asks to pass on; empty without one
 */

/** @typedef {{name: string, version: string, license: string, authors: string[], folder: string, repository: string | null}} Manifest */

/** Platforms that addons are built for, as Rust names them. */
const targets = ['x86_64-unknown-linux-gnu', 'aarch64-unknown-linux-gnu'];

/** Licences that ask for no text beyond LICENSE. */
const settled = 'Apache-2.0';

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

/**
 * Every crate of others in an addon, by name.
 *
 * @param {readonly string[]} features of varve_napi, as cargo takes them @returns {Crate[]}
 */
export function bundledCrates(features) {
  const manifests = manifestsOfAll();
  const edges = ['--edges', 'normal,no-proc-macro', '--prefix', 'none', '--format', '{p}'];
  const lines = targets.flatMap((target) =>
    cargo(['tree', '--package', 'varve_napi', ...features, ...edges, '--target', target]).split('\n'),
  );
  // A line is `NAME vVERSION`, with `(*)` when it came before; our own crates carry their path.
  const names = new Set(lines.map((line) => line.replace(/ \(\*\)$/, '').trim()));
  return [...names]
    .filter((name) => name !== '' && !name.includes('('))
    .toSorted()
    .map((name) => {
      const manifest = manifests.get(name);
      if (manifest === undefined) throw new Error(`cargo metadata does not know ${name}`);
      const license = chosen(manifest.license);
      const text = license === settled ? '' : licenceText(manifest, license, manifests);
      return { name: manifest.name, version: manifest.version, license, text, notice: noticeOf(manifest) };
    });
}

/** By name and version, as cargo's tree writes them. @returns {Map<string, Manifest>} */
function manifestsOfAll() {
  const { packages } = JSON.parse(cargo(['metadata', '--format-version', '1']));
  return new Map(
    packages.map((/** @type {any} */ { manifest_path: path, ...manifest }) => [
      `${manifest.name} v${manifest.version}`,
      { ...manifest, folder: dirname(path) },
    ]),
  );
}

/** The licence that is used where there is a choice. Where several hold at once, all of them. @param {string} license */
function chosen(license) {
  const parts = license.split(' AND ').map((part) => {
    const choices = part.replaceAll(/[()]/g, '').split(/ OR |\//);
    return choices.find((one) => one === settled) ?? choices.find((one) => one === 'MIT') ?? part;
  });
  return [...new Set(parts)].join(' AND ');
}

/**
 * The licence as the crate ships it, or another crate of its repository; the standard text with its authors when none
 * does.
 *
 * @param {Manifest} manifest @param {string} license @param {ReadonlyMap<string, Manifest>} all
 */
function licenceText(manifest, license, all) {
  const own = shippedText(manifest, license);
  if (own !== undefined) return own;
  const { name, authors, repository } = manifest;
  for (const other of all.values()) {
    const isSibling = repository !== null && other.repository === repository;
    const text = isSibling && chosen(other.license) === license ? shippedText(other, license) : undefined;
    if (text !== undefined) return text;
  }
  if (license !== 'MIT') throw new Error(`${name} ships no licence text`);
  return mit.replace('HOLDERS', authors.join(', ') || `the authors of ${name}`);
}

/** @param {Manifest} manifest @param {string} license @returns {string | undefined} */
function shippedText({ folder }, license) {
  const names = readdirSync(folder).filter((entry) => /^(?:LICEN[CS]E|COPYING)/i.test(entry));
  const wanted = license.split(' AND ').filter((one) => one !== settled);
  const named = names.filter((entry) =>
    wanted.some((one) => entry.toUpperCase().includes(one.toUpperCase())),
  );
  const found = named.length > 0 ? named : names.slice(0, 1);
  return found.length === 0 ? undefined : found.map((entry) => plainText(join(folder, entry))).join('\n\n');
}

/** @param {Manifest} manifest */
function noticeOf({ folder }) {
  const found = readdirSync(folder).find((entry) => /^NOTICE(?:\.\w+)?$/i.test(entry));
  return found === undefined ? '' : plainText(join(folder, found));
}

/** @param {string} file */
function plainText(file) {
  return readFileSync(file, 'utf8')
    .replaceAll('\r\n', '\n')
    .replaceAll(/[ \t]+$/gm, '')
    .trim();
}

/** @param {readonly string[]} args */
function cargo(args) {
  return execFileSync('cargo', [...args, '--locked', '--manifest-path', join(root, 'native/Cargo.toml')], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
