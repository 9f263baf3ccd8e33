import { expect, test } from 'vitest';
import { missingFigures } from '../lib/figures.mjs';

const cases = [
  { case: 'point read', metric: 'reads per second', values: { varve: { median: 2 }, lmdb: { median: 1 } } },
];
const goal = {
  suite: 'kv',
  id: 'kv.get',
  metric: { case: 'point read', metric: 'reads per second', over: 'lmdb' },
};

const rows = [
  { name: 'a whole run has no problem', run: cases, goals: [goal], expected: cases, problems: [] },
  { name: 'no cases at all', run: [], goals: [], expected: [], problems: [/no cases/] },
  {
    name: 'a goal whose case is misspelt',
    run: cases,
    goals: [{ ...goal, metric: { ...goal.metric, case: 'point raed' } }],
    expected: [],
    problems: [/kv\.get names no case: point raed/],
  },
  {
    name: 'a goal over an engine that was not measured',
    run: cases,
    goals: [{ ...goal, metric: { ...goal.metric, over: 'leveldb' } }],
    expected: [],
    problems: [/kv\.get names an engine that was not measured/],
  },
  {
    name: "another suite's goal",
    run: cases,
    goals: [{ ...goal, suite: 'tiny', metric: { case: 'x', metric: 'y' } }],
    expected: [],
    problems: [],
  },
  {
    name: 'a case that an earlier run had',
    run: cases,
    goals: [],
    expected: [{ case: 'full scan', metric: 'records per second', values: {} }],
    problems: [/the case is gone: full scan/],
  },
  {
    name: 'an engine that an earlier run had',
    run: cases,
    goals: [],
    expected: [{ ...cases[0], values: { sqlite: { median: 1 } } }],
    problems: [/sqlite is gone/],
  },
  {
    name: 'a figure that is no number',
    run: [{ ...cases[0], values: { varve: { median: Number.NaN } } }],
    goals: [],
    expected: [],
    problems: [/varve has no finite figure/],
  },
];

for (const { name, run, goals, expected, problems } of rows) {
  test(`finds in a run: ${name}`, () => {
    const found = missingFigures({ suite: 'kv', cases: run }, { goals, expected });
    expect(found).toHaveLength(problems.length);
    for (const [i, problem] of problems.entries()) expect(found[i]).toMatch(problem);
  });
}
