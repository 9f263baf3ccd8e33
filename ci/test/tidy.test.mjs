import { describe, expect, it } from 'vitest';
import { packageProblems } from '../tidy/packages.mjs';
import { longFiles, textProblems } from '../tidy/text.mjs';

/** Each row: path, text, and the rule that must speak; undefined when the text is fine. */
const texts = [
  ['a.ts', 'const x = 1;', undefined],
  ['a.md', 'see /home/someone/x', 'a path of one machine'],
  ['a.ts', "open('/root/data')", 'a path of one machine'],
  ['a.ts', "import '../home/x/y'", undefined],
  ['a.json', '"https://registry.npmjs.org/x"', 'the host of a package registry'],
  ['package-lock.json', '"resolved": "https://x/y.tgz"', 'a resolved address in a lockfile'],
  ['package-lock.json', '"resolved": "core/kv"', undefined],
  ['native/Cargo.lock', 'source = "registry+https://github.com/rust-lang/crates.io-index"', undefined],
  ['native/Cargo.lock', 'source = "registry+http://mirror"', 'a foreign registry'],
  ['a.test.ts', 'it.only("x")', 'a test that runs alone'],
  ['a.test.ts', 'describe.skip("x")', 'a skipped test'],
  ['a.rs', '    #[ignore = "slow"]', 'an ignored test'],
  ['a.rs', '// TODO faster', 'a TODO without an owner'],
  ['a.rs', '// TODO(kv) faster', undefined],
  ['a.md', 'text  ', 'trailing blanks'],
];

describe('rules about text', () => {
  it.each(texts)('%s: %j → %s', (path, text, rule) => {
    const problems = textProblems({ path, text });
    expect(problems).toEqual(rule === undefined ? [] : [`${path}:1: ${rule}`]);
  });

  it('names the line', () => {
    expect(textProblems({ path: 'a.rs', text: '\n\n// FIXME' })).toEqual(['a.rs:3: a TODO without an owner']);
  });

  it('lists long code files but not generated ones', () => {
    const text = '\n'.repeat(500);
    const files = ['a.ts', 'src/generated/a.ts', 'package-lock.json'].map((path) => ({ path, text }));
    expect(longFiles(files)).toEqual(['a.ts (501)']);
  });
});

const manifest = {
  name: '@varve/x',
  description: 'X.',
  license: 'Apache-2.0',
  type: 'module',
  exports: {},
  files: [],
  engines: { node: '>=20' },
  dependencies: { a: '1.2.3' },
};

/** Each row: the edit of a good manifest, and what is said about it. */
const manifests = [
  [{}, undefined],
  [{ license: 'MIT' }, 'license'],
  [{ description: '' }, 'description'],
  [{ exports: undefined }, 'exports'],
  [{ exports: undefined, private: true }, undefined],
  [{ dependencies: { a: '^1.2.3' } }, 'exact version'],
  [{ devDependencies: { a: 'latest' } }, 'exact version'],
];

describe('rules about packages', () => {
  it.each(manifests)('%j → %s', (edit, named) => {
    const text = JSON.stringify({ ...manifest, ...edit });
    const problems = packageProblems([
      { path: 'core/x/package.json', text },
      { path: 'core/x/README.md', text: '' },
    ]);
    expect(problems.length).toBe(named === undefined ? 0 : 1);
    if (named !== undefined) expect(problems[0]).toContain(named);
  });

  it('asks for a README', () => {
    const problems = packageProblems([{ path: 'core/x/package.json', text: JSON.stringify(manifest) }]);
    expect(problems).toEqual(['core/x/package.json: README.md is missing']);
  });
});
