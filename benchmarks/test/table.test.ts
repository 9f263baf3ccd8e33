import { describe, expect, it } from 'vitest';
import { replaceBetween } from '../src/readme.js';
import type { Case } from '../src/result.js';
import { exact } from '../src/statistics.js';
import { formatCases, formatGoals, formatTarget, ratioToBestRival, short } from '../src/table.js';

const row = (values: Record<string, number>, better: 'higher' | 'lower'): Case => ({
  case: 'c',
  metric: 'm',
  unit: 'u',
  better,
  values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, exact(value)])),
});

describe('ratioToBestRival', () => {
  const rows: readonly (readonly [string, Case, number | undefined])[] = [
    ['higher is better: over the fastest', row({ varve: 6, a: 2, b: 3 }, 'higher'), 2],
    ['lower is better: under the smallest', row({ varve: 2, a: 4, b: 3 }, 'lower'), 1.5],
    ['a loss is below 1', row({ varve: 1, a: 4 }, 'higher'), 0.25],
    ['no rival', row({ varve: 1 }, 'higher'), undefined],
    ['a variant of Varve is no rival', row({ varve: 1, 'varve, level log': 9 }, 'higher'), undefined],
    ['nothing to divide by', row({ varve: 0, a: 0 }, 'lower'), undefined],
    ['a remark names no winner', { ...row({ varve: 1, a: 2 }, 'higher'), remark: true }, undefined],
  ];
  for (const [name, cases, ratio] of rows) {
    it(`gives the ratio: ${name}`, () => {
      expect(ratioToBestRival(cases)).toBe(ratio);
    });
  }
});

describe('formatCases', () => {
  it('prints losses like wins, own variants before rivals', () => {
    const text = formatCases([
      row({ varve: 6, lmdb: 3 }, 'higher'),
      row({ varve: 1, lmdb: 4, 'varve, level log': 2 }, 'higher'),
    ]);
    const [head, win, loss] = text.split('\n');
    expect(head).toMatch(/varve +varve, level log +lmdb +varve \/ best rival$/);
    expect(win).toMatch(/2x$/);
    expect(loss).toMatch(/0\.25x \(loss\)$/);
  });
});

describe('formatGoals', () => {
  it('says SHORT for what is missed and for what was not measured', () => {
    const goal = {
      suite: 's',
      id: 's.a',
      text: 't',
      metric: { case: 'c', metric: 'm' },
      target: { atMost: 1 },
    };
    const text = formatGoals([
      [goal, { id: 's.a', target: goal.target, value: 1, met: true }],
      [goal, { id: 's.a', target: goal.target, value: 2, met: false }],
      [goal, undefined],
    ]);
    expect(text.match(/SHORT/g)).toHaveLength(2);
    expect(text).toMatch(/not measured/);
    expect(text).toMatch(/1 of 3 goals met$/);
  });
});

describe('short', () => {
  const rows: readonly (readonly [number, string])[] = [
    [0, '0'],
    [0.012345, '0.0123'],
    [3, '3'],
    [1234, '1,234'],
    [12_345, '12.3 k'],
    [2_000_000, '2.00 M'],
    // Once `1.31e+3 M`.
    [1_310_000_000, '1.31 G'],
  ];
  for (const [value, text] of rows) {
    it(`${value} is ${text}`, () => {
      expect(short(value)).toBe(text);
    });
  }

  it('writes targets with their direction', () => {
    expect([formatTarget({ atLeast: 3 }), formatTarget({ atMost: 45 })]).toEqual(['>= 3', '<= 45']);
  });
});

describe('replaceBetween', () => {
  const text = 'a\n<!-- results:kv -->\nold\n<!-- /results:kv -->\nz';

  it('replaces what stands between the markers, again and again', () => {
    const once = replaceBetween(text, 'kv', 'new');
    expect(once).toBe('a\n<!-- results:kv -->\nnew\n<!-- /results:kv -->\nz');
    expect(replaceBetween(once, 'kv', 'new')).toBe(once);
  });

  it('leaves a text without the markers alone', () => {
    expect(replaceBetween(text, 'tiny', 'new')).toBe(text);
  });
});
