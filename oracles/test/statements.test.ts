/** Random statements: a sample on Varve beside DuckDB, and planted faults that they must find. */
import { expect, it } from 'vitest';
import type { Store } from '../src/metamorphic/check.js';
import { seeded } from '../src/metamorphic/random.js';
import { openStore } from '../src/metamorphic/varve-store.js';
import { randomStatement } from '../src/statements/random-statement.js';
import { runStatements } from '../src/statements/run.js';
import type { Answer } from '../src/subjects/subject.js';

// Seconds, but many of them on a slow machine that does other things too.
const timeoutMs = 240_000;
const seed = Number(process.env.VARVE_SEED ?? 20_261);

it('makes the same statements of the same draws, and the simplest of none', () => {
  const of = (from: number): string => {
    const random = seeded(from);
    return randomStatement((count) => random.below(count)).sql;
  };
  expect(of(seed)).toEqual(of(seed));
  expect(new Set(Array.from({ length: 50 }, (_, at) => of(seed + at))).size).toBe(50);
  expect(randomStatement(() => 0)).toEqual({ sql: 'SELECT x1.i AS c0 FROM t AS x1', isOrdered: false });
});

const faults: readonly [string, (sql: string, rows: Answer['rows']) => Answer['rows']][] = [
  ['a row is lost', (_, rows) => rows.slice(1)],
  ['an order is lost', (sql, rows) => (sql.includes('AS q ORDER BY') ? [...rows].reverse() : rows)],
  ['sets of groups have no total', (sql, rows) => (/ROLLUP|CUBE/.test(sql) ? rows.slice(1) : rows)],
];
for (const [name, spoil] of faults)
  it(
    `finds where ${name}, and makes it small`,
    async () => {
      const open = async (): Promise<Store> => {
        const store = await openStore();
        const ask: Store['ask'] = async (sql) => {
          const answer = await store.ask(sql);
          return 'error' in answer || !sql.includes('SELECT')
            ? answer
            : { ...answer, rows: spoil(sql, answer.rows) };
        };
        return { ...store, ask };
      };
      const report = await runStatements({ open, statements: 2000, seed, failuresMax: 1 });
      expect(report.failures).toHaveLength(1);
      expect(report.failures[0]?.statements.at(-1)?.length).toBeLessThan(500);
    },
    timeoutMs,
  );

it(
  `a sample agrees with DuckDB, of seed ${seed}`,
  async () => {
    const report = await runStatements({ open: openStore, statements: 600, seed, failuresMax: 1 });
    expect(report.failures).toEqual([]);
    const refused = Object.values(report.refused).reduce((sum, times) => sum + times, 0);
    expect(refused).toBeLessThan(12);
    expect(report.notCompared).toBeLessThan(12);
    expect(report.withRows).toBeGreaterThan(250);
  },
  timeoutMs,
);
