import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { WrongAnswer } from '../src/rounds.js';
import { dataFolder } from '../src/sql/data-folder.js';
import type { SqlEngine } from '../src/sql/engine.js';
import { watchLoop } from '../src/sql/event-loop.js';
import { type Cell, fingerprint, mustMatch, type Piece } from '../src/sql/fingerprint.js';
import { filterPlans, filterQueries } from '../src/sql/h2o/filters.js';
import { h2oQueries } from '../src/sql/h2o/h2o.js';
import { h2oPlans } from '../src/sql/h2o/plans.js';
import { sizes } from '../src/sql/sizes.js';
import { readSql, splitQueries } from '../src/sql/statements.js';
import {
  geometricMeans,
  lastDigits,
  overBetter,
  type Timed,
  timeQueries,
  totals,
  worstRatios,
} from '../src/sql/timing.js';
import { tpchJoins, tpchQueries } from '../src/sql/tpch/queries.js';
import { decimalScales } from '../src/sql/tpch/tpch.js';
import { findVarve, type VarveResult, type VarveSql, varveKind } from '../src/sql/varve.js';

async function* rowsOf(
  rows: readonly (readonly Cell[])[],
  approximate: readonly boolean[],
  perPiece = rows.length,
): AsyncGenerator<Piece> {
  for (let from = 0; from < rows.length; from += Math.max(1, perPiece)) {
    const part = rows.slice(from, from + Math.max(1, perPiece));
    yield { columns: approximate.map((_, i) => part.map((row) => row[i] ?? null)), approximate };
  }
}

type Rows = readonly (readonly Cell[])[];
const types = [false, false, true];

async function matches(one: Rows, other: Rows, tolerance = lastDigits): Promise<boolean> {
  const answers = new Map([
    ['one', await fingerprint(rowsOf(one, types))],
    ['other', await fingerprint(rowsOf(other, types, 2))],
  ]);
  try {
    mustMatch('a query', answers, tolerance);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(WrongAnswer);
    return false;
  }
}

describe('fingerprint', () => {
  const base: Rows = [
    ['a', 1, 0.1],
    ['b', 2, 20.5],
    ['c', null, null],
  ];
  /** Each row: what is done to the answer → the answer → whether it is the same one. */
  const cases: readonly (readonly [string, Rows, boolean])[] = [
    ['nothing', base, true],
    ['another order of rows', base.toReversed(), true],
    ['other last digits', [['a', 1, 0.1 + 1e-15], ...base.slice(1)], true],
    [
      'integers as bigint',
      [
        ['a', 1n, 0.1],
        ['b', 2n, 20.5],
        ['c', null, null],
      ],
      true,
    ],
    ['NaN for NULL where a number is approximate', [...base.slice(0, 2), ['c', null, Number.NaN]], true],
    ['a row less', base.slice(1), false],
    ['a row twice', [...base, ...base.slice(0, 1)], false],
    ['another string', [['A', 1, 0.1], ...base.slice(1)], false],
    ['another integer', [['a', 3, 0.1], ...base.slice(1)], false],
    ['NULL for an integer', [['a', null, 0.1], ...base.slice(1)], false],
    ['NULL for a number', [['a', 1, null], ...base.slice(1)], false],
    [
      'another sixth digit',
      [
        ['a', 1, 0.1],
        ['b', 2, 20.5001],
        ['c', null, null],
      ],
      false,
    ],
    [
      'two numbers in each other’s rows',
      [
        ['a', 1, 20.5],
        ['b', 2, 0.1],
        ['c', null, null],
      ],
      false,
    ],
  ];
  for (const [what, rows, same] of cases) {
    it(`${same ? 'does not see' : 'sees'} ${what}`, async () => {
      expect(await matches(base, rows)).toBe(same);
    });
  }

  // Means cut off at six digits, each by nearly a millionth, were a wrong answer where their rows weighed much.
  it('allows each cell the absolute tolerance, whatever its row weighs', async () => {
    const exact = Array.from({ length: 64 }, (_, i): Cell[] => [`${i}`, i, 25 + i]);
    const off = (by: number): Rows => exact.map(([a, b, c]) => [a ?? null, b ?? null, Number(c) - by]);
    expect(await matches(exact, off(0.99e-6), decimalScales)).toBe(true);
    expect(await matches(exact, off(3.1e-6), decimalScales)).toBe(false);
  });

  it('is the same for every order of random rows, and another when a cell changes', async () => {
    const cell = fc.oneof(fc.string(), fc.maxSafeInteger(), fc.constant(null));
    const row = fc.tuple(cell, cell, fc.double({ noNaN: true, min: -1e6, max: 1e6 }));
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1 }), fc.nat(), async (rows, at) => {
        expect(await matches(rows, rows.toReversed())).toBe(true);
        const changed = rows.map((old, i) => (i === at % rows.length ? ['another', old[1], old[2]] : old));
        if (rows[at % rows.length]?.[0] !== 'another') expect(await matches(rows, changed)).toBe(false);
      }),
    );
  });
});

describe('timed queries', () => {
  const timed = (name: string, times: Readonly<Record<string, readonly number[]>>): Timed => ({
    query: { name, sql: '' },
    samples: new Map(Object.entries(times)),
  });
  const all = [
    timed('1', { varve: [4, 2], duckdb: [1, 3], polars: [9, 8] }),
    timed('2', { varve: [8, 9], duckdb: [16, 17], polars: [9, 2] }),
  ];
  const figures = (values: Readonly<Record<string, { readonly median: number }>>): Record<string, number> =>
    Object.fromEntries(Object.entries(values).map(([name, { median }]) => [name, median]));

  it('are summed up by their best runs', () => {
    expect(figures(geometricMeans(all))).toEqual({ varve: 4, duckdb: 4, polars: 4 });
    expect(figures(totals(all))).toEqual({ varve: 10, duckdb: 17, polars: 10 });
    expect(figures(worstRatios(all, 'duckdb'))).toEqual({ varve: 2, polars: 8 });
  });

  for (const [roundMs, runsMin] of [
    [0, 2],
    [20, 4],
  ] as const)
    it(`come for ${roundMs} ms behind the first run of a round, which is told by itself`, async () => {
      let runs = 0;
      const engine: SqlEngine = {
        name: 'one',
        async run() {
          await sleep(1);
          return runs++;
        },
        answer: () => rowsOf([['a', 1, 0.5]], types),
        close: () => {},
      };
      const [timed] = await timeQueries([engine], [{ name: 'q', sql: '' }], {
        roundsOf: () => 2,
        roundMs,
        tolerance: lastDigits,
        progress: { step: () => {}, at: () => {}, end: () => {}, fail: () => {} },
      });
      const [all, firsts] = [timed?.samples.get('one') ?? [], timed?.firsts.get('one') ?? []];
      expect([all.length, firsts.length]).toEqual([2, 2]);
      expect(runs).toBeGreaterThanOrEqual(runsMin);
      // The mean of the runs behind the first one is that of other runs.
      expect(all.some((ms, round) => ms === firsts[round])).toBe(roundMs === 0);
    });

  it('compare Varve with the better of two rivals, and say nothing without Varve', () => {
    const head = { case: 'c', metric: 'm' };
    const [row] = overBetter(head, totals(all), ['duckdb', 'polars']);
    expect(figures(row?.values ?? {})).toEqual({ varve: 1 });
    const rivals = [timed('1', { duckdb: [1], polars: [2] })];
    expect(overBetter(head, totals(rivals), ['duckdb', 'polars'])).toEqual([]);
  });
});

describe('statements', () => {
  it('are split by their names', () => {
    const text = '-- a file\n-- name: one\nselect 1;\n-- name: two\nselect\n  2;\n';
    expect(splitQueries(text)).toEqual([
      { name: 'one', sql: 'select 1' },
      { name: 'two', sql: 'select\n  2' },
    ]);
  });

  it('refuse a blank that nobody fills in', () => {
    expect(() => readSql('h2o/generate.sql', { rows: 1 })).toThrow(/distinct/);
  });

  for (const size of ['small', 'real'] as const) {
    it(`are as many as their cases say, each with its plan in Polars: ${size}`, () => {
      const names = (queries: readonly { readonly name: string }[]): readonly string[] =>
        queries.map(({ name }) => name);
      expect(names(h2oQueries(sizes[size]))).toEqual(Object.keys(h2oPlans(sizes[size])));
      expect(names(h2oQueries(sizes[size]))).toHaveLength(11);
      expect(names(filterQueries(sizes[size]))).toEqual(Object.keys(filterPlans(sizes[size])));
      expect(tpchQueries(sizes[size].scale)).toHaveLength(22);
      expect(tpchJoins(sizes[size].scale)).toHaveLength(20);
    });
  }
});

describe('Varve as an engine of the suite', () => {
  /** Stands in for the package: writes down what it is asked. */
  function standIn(asked: string[]): VarveSql {
    const result: VarveResult = {
      async *batches() {
        yield { rowCount: 3 };
        yield { rowCount: 4 };
      },
      arrow: () => Promise.resolve(new Uint8Array()),
      rows: () => Promise.resolve([]),
    };
    const ask = (text: string): VarveResult => {
      asked.push(text);
      return result;
    };
    return {
      open(_, options) {
        asked.push(`open ${JSON.stringify(options)}`);
        return Promise.resolve({
          query: ask,
          prepare: (text) => Promise.resolve({ query: () => ask(text) }),
          append: () => Promise.resolve(0),
          get: () => undefined,
          adapt: () => Promise.resolve(),
          compact: () => Promise.resolve(void asked.push('compact')),
          close: () => Promise.resolve(void asked.push('close')),
        });
      },
    };
  }

  it('loads Parquet, makes the indexes, and leaves the database compacted and closed', async () => {
    const asked: string[] = [];
    const kind = varveKind(standIn(asked), 'varve', { indexes: { g: ['id3', 'id1, id4'] } });
    await kind.load('folder', [{ name: 'g', file: "/data/it's.parquet" }]);
    expect(asked).toEqual([
      'open {"threads":2,"allowedFolders":["/data"]}',
      "create table g as select * from '/data/it''s.parquet'",
      'create index g_1 on g (id3)',
      'create index g_2 on g (id1, id4)',
      'compact',
      'close',
    ]);
  });

  it('loads rows in no order where zone maps shall not help', async () => {
    const asked: string[] = [];
    const kind = varveKind(standIn(asked), 'varve, neither', { shuffled: true });
    await kind.load('folder', [{ name: 'g', file: '/data/g.parquet' }]);
    expect(asked[1]).toBe("create table g as select * from '/data/g.parquet' order by random()");
    expect(kind.store).not.toBe(varveKind(standIn(asked), 'varve').store);
  });

  it('takes in every batch of an answer, within the memory that it is given', async () => {
    const asked: string[] = [];
    const engine = await varveKind(standIn(asked), 'varve').open('folder', { memoryBytes: 1024 });
    expect(await engine.run({ name: 'one', sql: 'select 1' })).toBe(7);
    await engine.close();
    expect(asked).toEqual(['open {"threads":2,"memoryBytes":1024}', 'select 1', 'close']);
  });

  it('is absent, and no failure, where the workspace has no such package', async () => {
    expect(await findVarve('@varve/no-such-tier')).toBeUndefined();
  });
});

describe('dataFolder', () => {
  const cache = mkdtempSync(join(tmpdir(), 'varve-data-'));
  afterAll(() => rmSync(cache, { recursive: true }));

  it('is made once, and appears only when it is whole', async () => {
    process.env['VARVE_BENCH_DATA'] = cache;
    let made = 0;
    const fails = dataFolder('a', () => Promise.reject(new Error('the disk is full')));
    await expect(fails).rejects.toThrow('the disk is full');
    expect(readdirSync(cache)).toEqual([]);
    const make = (): Promise<void> => Promise.resolve(void (made += 1));
    expect(await dataFolder('a', make)).toBe(await dataFolder('a', make));
    expect([made, readdirSync(cache)]).toEqual([1, ['a']]);
    delete process.env['VARVE_BENCH_DATA'];
  });
});

describe('watchLoop', () => {
  const spin = (ms: number): void => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };

  it('sees one long block and not the time between', async () => {
    const blocked = await watchLoop(() => spin(60));
    expect(blocked.blockedMs).toBeGreaterThan(50);
    const free = await watchLoop(async () => {
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    });
    expect(free.ms).toBeGreaterThan(95);
    expect(free.blockedMs).toBeLessThan(free.ms / 2);
  });
});
