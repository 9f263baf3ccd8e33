// Rules about packages: what a manifest must say, exact versions, one licence, a README for what users import.

/** @typedef {import('./main.mjs').File} File */

const license = 'Apache-2.0';
const exact = /^(?:\d+\.\d+\.\d+(?:-[\w.]+)?|npm:.+@\d+\.\d+\.\d+)$/;

/** @param {readonly File[]} files @returns {string[]} */
export function packageProblems(files) {
  const paths = new Set(files.map(({ path }) => path));
  return files
    .filter(({ path }) => path.endsWith('package.json') && !path.startsWith('ci/test/'))
    .flatMap(({ path, text }) => manifestProblems(path, JSON.parse(text), paths));
}

/**
 * @param {string} path
 * @param {any} manifest
 * @param {ReadonlySet<string>} paths every committed path
 */
function manifestProblems(path, manifest, paths) {
  const folder = path.slice(0, -'package.json'.length);
  const isPublic = manifest.private !== true;
  /** @type {[boolean, string][]} */
  const rules = [
    [manifest.license === license, `license must be ${license}`],
    [manifest.type === 'module', 'type must be module'],
    [folder === '' || Boolean(manifest.description), 'a description is missing'],
    [folder === '' || String(manifest.name).startsWith('@varve/'), 'the name must start with @varve/'],
    [!isPublic || manifest.exports !== undefined, 'exports are missing'],
    [!isPublic || manifest.files !== undefined, 'files are missing'],
    [!isPublic || manifest.engines?.node !== undefined, 'engines.node is missing'],
    [!isPublic || paths.has(`${folder}README.md`), 'README.md is missing'],
  ];
  const loose = Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  })
    .filter(([, version]) => !exact.test(String(version)))
    .map(([name, version]) => `${path}: ${name} must have an exact version, not ${version}`);
  return [...rules.filter(([good]) => !good).map(([, text]) => `${path}: ${text}`), ...loose];
}
