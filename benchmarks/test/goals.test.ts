import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Goal, isMet, judge, readGoals, scoreboard } from '../src/goals.js';
import { withTables } from '../src/readme.js';
import type { Case, Run } from '../src/result.js';
import { readResults } from '../src/results.js';
import { exact } from '../src/statistics.js';
import { suites } from '../src/suites.js';

const cases: readonly Case[] = [
  {
    case: 'point read',
    metric: 'reads per second',
    unit: '1/s',
    better: 'higher',
    values: { varve: exact(600), lmdb: exact(200) },
  },
];
const goal: Goal = {
  suite: 'kv',
  id: 'kv.get',
  text: 'reads: >= 3x lmdb',
  metric: { case: 'point read', metric: 'reads per second', over: 'lmdb' },
  target: { atLeast: 3 },
};

describe('judge', () => {
  const rows: readonly (readonly [string, Partial<Goal>, number | undefined, boolean])[] = [
    ['a ratio to a rival', {}, 3, true],
    ['a target just missed', { target: { atLeast: 3.001 } }, 3, false],
    ["Varve's own figure", { metric: { case: 'point read', metric: 'reads per second' } }, 600, true],
    ['a bound from above', { target: { atMost: 2 } }, 3, false],
    ['a misspelt case', { metric: { ...goal.metric, case: 'point raed' } }, undefined, false],
    ['a misspelt metric', { metric: { ...goal.metric, metric: 'reads' } }, undefined, false],
    ['an engine that was not measured', { metric: { ...goal.metric, over: 'leveldb' } }, undefined, false],
  ];
  for (const [name, change, value, met] of rows) {
    it(`${name}: ${value ?? 'not measured'}, ${met ? 'met' : 'not met'}`, () => {
      const [outcome] = judge([{ ...goal, ...change }], 'kv', cases);
      expect(outcome?.value).toBe(value);
      expect(outcome?.met).toBe(met);
    });
  }

  it('leaves other suites out', () => {
    expect(judge([goal], 'tiny', cases)).toEqual([]);
  });

  it('counts the bound itself as met', () => {
    expect(isMet({ atLeast: 3 }, 3)).toBe(true);
    expect(isMet({ atMost: 3 }, 3)).toBe(true);
  });
});

describe('scoreboard', () => {
  it('shows a goal whose suite never ran as not measured', () => {
    expect(scoreboard([goal], [])).toEqual([[goal, undefined]]);
  });

  it('judges committed runs by the goals of today', () => {
    const run: Run = { suite: 'kv', size: 'real', commit: '', machine: '', seed: 1, cases, goals: [] };
    expect(scoreboard([goal], [run])[0]?.[1]).toMatchObject({ value: 3, met: true });
  });
});

describe('goals.json', () => {
  const goals = readGoals();

  it('has unique ids that start with their suite', () => {
    expect(new Set(goals.map(({ id }) => id)).size).toBe(goals.length);
    for (const { id, suite } of goals) expect(id.startsWith(`${suite}.`)).toBe(true);
  });

  it('names suites that exist', () => {
    for (const { suite } of goals) expect(Object.keys(suites)).toContain(suite);
  });

  // A goal whose case is misspelt would count as short for ever, without anybody noticing why.
  it('finds the figure of every goal in the committed results', () => {
    const runs = readResults().filter(({ size, incomplete }) => size === 'real' && incomplete === undefined);
    for (const { suite, cases: measured } of runs) {
      for (const outcome of judge(goals, suite, measured)) {
        expect(outcome.value, `${outcome.id} names no figure of ${suite}-real.json`).toBeDefined();
      }
    }
  });
});

describe('the README', () => {
  // A table was once left as the benchmarks wrote it, and the check of the format failed on it.
  it('has the tables of the committed results and goals, in the format of the repository', () => {
    const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const real = readResults().filter(({ size }) => size === 'real');
    expect(withTables(text, real, readGoals())).toBe(text);
  });
});
