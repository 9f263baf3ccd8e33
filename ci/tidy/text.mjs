// Rules about the text of a file.

/** @typedef {import('./main.mjs').File} File */

const linesMax = 400;
const code = /\.(ts|mts|mjs|rs|js)$/;
const generated = /(^|\/)generated\/|package-lock\.json$|Cargo\.lock$/;

/** @type {{rule: string, on: RegExp, never: RegExp}[]} */
const forbidden = [
  {
    rule: 'a path of one machine',
    on: /./,
    never: /(?<![\w./-])\/(?:root|home\/\w+|Users\/\w+|work)\/[\w.-]/,
  },
  {
    rule: 'the host of a package registry',
    on: /./,
    never: new RegExp('registry\\.(?:npmjs\\.org|yarnpkg\\.com)'),
  },
  { rule: 'a resolved address in a lockfile', on: /package-lock\.json$/, never: /"resolved": "https?:/ },
  {
    rule: 'a foreign registry',
    on: /Cargo\.lock$/,
    never: /source = "(?!registry\+https:\/\/github\.com\/rust-lang\/crates\.io-index")/,
  },
  { rule: 'a test that runs alone', on: /\.test\.\w+$/, never: /\b(?:it|test|describe)\.only\b/ },
  { rule: 'a skipped test', on: /\.test\.\w+$/, never: /\b(?:it|test|describe)\.(?:skip|todo|fails)\b/ },
  // Real-size acceptance tests of a benchmark run by name only.
  { rule: 'an ignored test', on: /^(?!benchmarks\/).*\.rs$/, never: /^\s*#\[ignore/m },
  { rule: 'a TODO without an owner', on: code, never: /(?:\/\/|\*|#).*\b(?:TODO|FIXME|XXX)\b(?!\(\w+\))/ },
  { rule: 'trailing blanks', on: /\.(md|toml|ya?ml)$/, never: /[ \t]+$/m },
];

/** @param {File} file @returns {string[]} */
export function textProblems({ path, text }) {
  if (path.startsWith('ci/tidy/') || path.startsWith('ci/test/')) return [];
  return forbidden.flatMap(({ rule, on, never }) => {
    const hit = on.test(path) ? never.exec(text) : null;
    return hit === null ? [] : [`${path}:${text.slice(0, hit.index).split('\n').length}: ${rule}`];
  });
}

/** Code files over the size at which a second idea is likely. @param {readonly File[]} files @returns {string[]} */
export function longFiles(files) {
  return files
    .filter(({ path }) => code.test(path) && !generated.test(path))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
    .filter(({ lines }) => lines > linesMax)
    .map(({ path, lines }) => `${path} (${lines})`);
}
