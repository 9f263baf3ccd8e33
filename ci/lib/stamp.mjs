// Content stamps: a step that produced its output from the same bytes before has nothing to do.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, stateFolder } from './paths.mjs';

const skippedFolders = new Set(['node_modules', 'target', 'dist', 'artifacts', 'corpus']);

/**
 * SHA-256, hex, over names and contents of files and folders (recursively, sorted) and extra words.
 * @param {readonly string[]} paths relative to the root; missing ones are skipped
 * @param {readonly string[]} words whatever else the output depends on, such as a compiler's version
 */
export function fingerprint(paths, words = []) {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word}\0`);
  for (const path of paths.flatMap(filesBelow).sort()) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

/** True when `name` was last stamped with `print`. @param {string} name @param {string} print */
export function isFresh(name, print) {
  const file = join(stateFolder, 'stamps', name);
  return existsSync(file) && readFileSync(file, 'utf8') === print;
}

/** @param {string} name @param {string} print */
export function stamp(name, print) {
  mkdirSync(join(stateFolder, 'stamps'), { recursive: true });
  writeFileSync(join(stateFolder, 'stamps', name), print);
}

/** @param {string} path @returns {string[]} */
function filesBelow(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  /** @type {import('node:fs').Dirent[]} */
  let entries;
  try {
    entries = readdirSync(full, { withFileTypes: true });
  } catch {
    return [path];
  }
  return entries.flatMap((entry) => {
    if (skippedFolders.has(entry.name) || entry.name.endsWith('.node')) return [];
    return entry.isDirectory() ? filesBelow(`${path}/${entry.name}`) : [`${path}/${entry.name}`];
  });
}
