import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../lib/paths.mjs';
import { nodeRange, readToolchain, toolchainProblems } from '../lib/toolchain.mjs';

const good = {
  node: 'v20.19.0',
  rust: 'rustc 1.95.0 (abc 2026-03-21)',
  cargo: 'cargo 1.95.0 (abc 2026-03-21)',
  linker: 'cc 12.2.0',
};

/** Each row: what is installed → what the one line says to install; nothing for a good toolchain. */
const rows = [
  [{}, undefined],
  [{ node: 'v24.3.1', rust: 'rustc 2.0.0' }, undefined],
  [{ node: 'v22.12.0' }, undefined],
  [{ node: 'v24.0.0' }, undefined],
  [{ node: 'v26.1.0' }, undefined],
  [{ node: 'v18.20.4' }, 'Node ^20.19'],
  // What knip, rolldown and vitest refuse: set-up died in one of them instead of here.
  [{ node: 'v20.0.0' }, 'this is v20.0.0'],
  [{ node: 'v20.12.2' }, 'this is v20.12.2'],
  [{ node: 'v22.11.0' }, 'this is v22.11.0'],
  [{ node: 'v23.9.0' }, 'this is v23.9.0'],
  // A system's rustc alone: set-up ended with Node's own stack.
  [{ cargo: undefined }, 'which brings both'],
  [{ rust: undefined, cargo: undefined }, 'rustup'],
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

it('is what package.json, README and CONTRIBUTING say', () => {
  const text = (/** @type {string} */ name) => readFileSync(join(root, name), 'utf8');
  expect(JSON.parse(text('package.json')).engines.node).toBe(nodeRange);
  for (const name of ['README.md', 'CONTRIBUTING.md']) expect(text(name)).toContain(`\`${nodeRange}\``);
});

it('reads the toolchain that this test runs on', () => {
  expect(toolchainProblems(readToolchain())).toEqual([]);
});
