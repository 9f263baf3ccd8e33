import { expect, it } from 'vitest';
import { readToolchain, toolchainProblems } from '../lib/toolchain.mjs';

const good = { node: 'v20.0.0', rust: 'rustc 1.95.0 (abc 2026-03-21)', linker: 'cc 12.2.0' };

/** Each row: what is installed → what the one line says to install; nothing for a good toolchain. */
const rows = [
  [{}, undefined],
  [{ node: 'v24.3.1', rust: 'rustc 2.0.0' }, undefined],
  [{ node: 'v18.20.4' }, 'Node 20 or newer'],
  [{ rust: undefined }, 'rustup'],
  [{ rust: 'rustc 1.94.9 (abc)' }, 'rustup update'],
  [{ rust: 'garbage' }, 'rustup update'],
  [{ linker: undefined }, 'build-essential'],
];

it.each(rows)('%j → %s', (change, named) => {
  const problems = toolchainProblems({ ...good, ...change });
  if (named === undefined) expect(problems).toEqual([]);
  else expect(problems.join('\n')).toContain(named);
  expect(problems.length).toBe(named === undefined ? 0 : 1);
  for (const problem of problems) expect(problem).not.toContain('\n');
});

it('reads the toolchain that this test runs on', () => {
  expect(toolchainProblems(readToolchain())).toEqual([]);
});
