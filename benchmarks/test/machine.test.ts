/**
 * A result names the commit that it is of. Three of four committed results once named one with a `+`: the first suite's
 * own result file had changed the tree for the ones after it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeCommit } from '../src/machine.js';
import { differenceOf } from '../src/run-suite.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-commit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=e', ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
const files = ['README.md', 'core.ts', 'benchmarks/results/kv-real.json', 'benchmarks/suite.ts'];

beforeAll(() => {
  git('init', '--quiet');
  mkdirSync(join(folder, 'benchmarks/results'), { recursive: true });
  for (const file of files) writeFileSync(join(folder, file), '');
  git('add', '.');
  git('commit', '--quiet', '--message', 'all');
});

/** Each row: what was changed → what differs from the commit. */
const rows: readonly [changed: readonly string[], differing: readonly string[]][] = [
  [[], []],
  [['README.md', 'benchmarks/results/kv-real.json'], []],
  [['core.ts'], ['core.ts']],
  [
    ['benchmarks/suite.ts', 'core.ts', 'README.md'],
    ['benchmarks/suite.ts', 'core.ts'],
  ],
];

it.each(rows)('%j changed: %j differ', (changed, differing) => {
  git('checkout', '--quiet', '.');
  for (const file of changed) writeFileSync(join(folder, file), 'other');
  for (const from of [folder, join(folder, 'benchmarks')]) {
    const { commit, changedFiles } = describeCommit(from);
    expect(changedFiles).toEqual(differing);
    expect(commit).toMatch(differing.length === 0 ? /^[0-9a-f]{12}$/ : /^[0-9a-f]{12}\+$/);
  }
});

it('is unknown outside of a repository', () => {
  expect(describeCommit('/')).toEqual({ commit: 'unknown', changedFiles: [] });
});

it('a difference stands in the notes', () => {
  expect(differenceOf(['a.ts'])).toContain('a.ts differed');
  expect(differenceOf(['a.ts', 'b.ts', 'c.ts'])).toContain('a.ts and 2 more differed');
});
