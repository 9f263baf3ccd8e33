/** Metamorphic tests: what they are made of, a sample on Varve, and planted bugs that they must find. */
import { describe, expect, it } from 'vitest';
import type { Ask, Store } from '../src/metamorphic/check.js';
import { conditionSql, leaf, smaller } from '../src/metamorphic/expressions.js';
import { seeded } from '../src/metamorphic/random.js';
import { runMetamorphic } from '../src/metamorphic/run.js';
import { openStore } from '../src/metamorphic/varve-store.js';
import { randomWorld } from '../src/metamorphic/world.js';
import type { Answer } from '../src/subjects/subject.js';

const seed = Number(process.env.VARVE_SEED ?? 20_261);

it('makes the same database of the same seed', () => {
  expect(randomWorld(seeded(seed))).toEqual(randomWorld(seeded(seed)));
  expect(randomWorld(seeded(seed))).not.toEqual(randomWorld(seeded(seed + 1)));
});

it('makes conditions smaller, down to a constant', () => {
  const both = { texts: ['(', ' AND ', ')'], parts: [leaf('(a = 1)'), leaf('(b = 2)')] };
  const found = smaller(both).map(conditionSql);
  expect(found).toContain('(a = 1)');
  expect(found).toContain('(CAST(TRUE AS BOOLEAN) AND (b = 2))');
  expect(smaller(leaf('CAST(TRUE AS BOOLEAN)'))).toEqual([]);
});

describe('a planted bug is found and made small', () => {
  /** @param spoil an answer as a broken engine gives it; undefined leaves it */
  const run = async (spoil: (sql: string, answer: Answer) => Answer | undefined): Promise<void> => {
    const spoilt =
      (ask: Ask): Ask =>
      async (sql) => {
        const answer = await ask(sql);
        return 'error' in answer ? answer : (spoil(sql, answer) ?? answer);
      };
    const open = async (): Promise<Store> => {
      const store = await openStore();
      return {
        ...store,
        ask: spoilt(store.ask),
        inTransaction: (body) => store.inTransaction((ask) => body(spoilt(ask))),
      };
    };
    const report = await runMetamorphic({ open, queries: 1000, seed, failuresMax: 1, shrinksMax: 25 });
    expect(report.failures).toHaveLength(1);
    expect(report.failures[0]?.statements.length).toBeLessThan(30);
  };
  it('rows change when they move', async () => {
    let isMoved = false;
    await run((sql, answer) => {
      if (sql === 'VACUUM FULL') isMoved = true;
      // Of each database the first answers after the move.
      else if (sql.startsWith('CREATE')) isMoved = false;
      return isMoved && answer.rows.length > 0 ? without(answer, 0) : undefined;
    });
  });
  const without = (answer: Answer, at: number): Answer => ({
    ...answer,
    rows: answer.rows.filter((_, row) => row !== at),
  });
  const bugs: readonly [string, (sql: string, answer: Answer) => Answer | undefined][] = [
    ['a filter loses a row', (sql, answer) => (/ WHERE /.test(sql) ? without(answer, 0) : undefined)],
    [
      'NOT is true of NULL',
      (sql, answer) =>
        / WHERE NOT /.test(sql) && answer.rows[0] !== undefined
          ? { ...answer, rows: [...answer.rows, answer.rows[0]] }
          : undefined,
    ],
    [
      'unknown finds nothing',
      (sql, answer) => (sql.endsWith(' IS NULL') ? { ...answer, rows: [] } : undefined),
    ],
    [
      'DISTINCT loses NULL',
      (sql, answer) =>
        /DISTINCT/.test(sql) && / WHERE /.test(sql)
          ? { ...answer, rows: answer.rows.filter((row) => !row.includes(null)) }
          : undefined,
    ],
    [
      'a limit gives too few',
      (sql, answer) => (sql.endsWith('LIMIT 5') && answer.rows.length > 1 ? without(answer, 1) : undefined),
    ],
    [
      'count is off by one',
      (sql, answer) =>
        sql.startsWith('SELECT count(*) FROM')
          ? { ...answer, rows: [[String(Number(answer.rows[0]?.[0]) + 1)]] }
          : undefined,
    ],
    [
      'max forgets a part',
      (sql, answer) =>
        sql.startsWith('SELECT sum(f0)')
          ? { ...answer, rows: answer.rows.map((row) => row.map(() => null)) }
          : undefined,
    ],
    ['HAVING loses a group', (sql, answer) => (/ HAVING NOT /.test(sql) ? without(answer, 0) : undefined)],
  ];
  for (const [name, spoil] of bugs) it(name, () => run(spoil));
});

it(`a sample holds on Varve, of seed ${seed}`, async () => {
  const report = await runMetamorphic({ open: openStore, queries: 1000, seed, failuresMax: 1 });
  expect(report.failures).toEqual([]);
  expect(Object.values(report.held).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(100);
});
