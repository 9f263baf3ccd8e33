// Whether node_modules already is what package-lock.json asks for, so that `npm ci` can be left out.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';

/**
 * @typedef {{version?: string, link?: boolean, optional?: boolean, devOptional?: boolean, peer?: boolean, resolved?: string}} Locked
 */

/** Compares the lockfile with the one that npm leaves inside node_modules. @returns {boolean} */
export function installMatchesLock() {
  const hidden = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(hidden)) return false;
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const present = packagesOf(hidden);
  return Object.entries(wanted).every(([path, locked]) => {
    if (!path.startsWith('node_modules/')) return true;
    if (locked.optional && present[path] === undefined) return true;
    return present[path]?.version === locked.version && existsSync(join(root, path));
  });
}

/** @param {string} file @returns {Record<string, Locked>} */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}
