// Which packages of others a user of ours loads at run time, as package-lock.json resolves them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';

/** Folders whose public packages users install. */
const parents = ['core', 'native/addons', 'tiers'];

/** By name; each with the licence that its manifest names. @returns {{name: string, version: string, license: string}[]} */
export function loadedPackages() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const ours = parents
    .filter((parent) => existsSync(join(root, parent)))
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`))
    .concat('capability-matrix')
    .filter((place) => packages[place] !== undefined && packages[place].private !== true);
  const seen = new Map();
  for (const place of ours) visit(place);
  return [...seen.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1));

  /** @param {string} place a key of the lockfile */
  function visit(place) {
    const { dependencies = {}, optionalDependencies = {} } = packages[place];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (name.startsWith('@varve/')) continue;
      const found = resolve(name, place);
      if (found === undefined || seen.has(found)) continue;
      const { version, license = 'not named' } = packages[found];
      seen.set(found, { name, version, license });
      visit(found);
    }
  }

  /** As Node does: from the nearest node_modules outwards. @param {string} name @param {string} from */
  function resolve(name, from) {
    for (let folder = from; ; folder = folder.replace(/\/?[^/]*$/, '')) {
      const candidate = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
      if (packages[candidate] !== undefined) return candidate;
      if (folder === '') return undefined;
    }
  }
}
