/** The builder: which plans it makes, how they are written as SQL, and what an engine gets that runs them itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlScalar } from '@varve/interfaces';
import { avg, col, count, countDistinct, desc, from, lit, max, min, type Query, sum } from '@varve/sql';
import { afterAll, expect, expectTypeOf, it } from 'vitest';
import { encodePlan } from '../src/builder/encode.js';
import { renderPlan } from '../src/builder/render.js';
import { statementOf } from '../src/fragment.js';
import { sqlFactory } from './duckdb/factory.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-builder-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Flight {
  readonly id: bigint;
  readonly origin: string | null;
  readonly delay: number | null;
}
const flights = from<Flight>('flights');

const written: readonly (readonly [Query<object>, string, readonly SqlScalar[]])[] = [
  [flights, 'SELECT * FROM "main"."flights"', []],
  [
    flights.where(col('delay').gt(10).and(col('origin').ne('x').not()), lit(true)),
    'SELECT * FROM "main"."flights" WHERE (("delay" > $1) AND (NOT ("origin" <> $2))) AND $3',
    [10, 'x', true],
  ],
  [
    from('a "b"; --').select({ 'x"': col('y"').div(0) }),
    'SELECT (CAST("y""" AS DOUBLE) / NULLIF(CAST($1 AS DOUBLE), 0)) AS "x""" FROM "main"."a ""b""; --"',
    [0],
  ],
  [
    flights
      .groupBy('origin')
      .aggregate({ n: count(), d: avg('delay') })
      .orderBy(desc('n'))
      .limit(10),
    'SELECT * FROM (SELECT "origin", count(*) AS "n", avg(CAST("delay" AS DOUBLE)) AS "d" FROM "main"."flights" GROUP BY "origin") AS t ORDER BY "n" DESC NULLS LAST LIMIT $1',
    [10],
  ],
  [
    flights.join('airports', { origin: 'code' }, { take: ['city'] }).offset(2),
    'SELECT l.*, "r"."city" AS "city" FROM (SELECT * FROM "main"."flights") AS l JOIN (SELECT * FROM "main"."airports") AS r ON "l"."origin" = "r"."code" OFFSET $1',
    [2],
  ],
];

it.each(written)('a query becomes SQL %#', (query, text, values) => {
  expect(statementOf(renderPlan(query.plan))).toEqual({ text, values });
});

it('a query never changes', () => {
  const before = JSON.stringify(flights.plan);
  flights.where(col('delay').isNull()).limit(1);
  expect(JSON.stringify(flights.plan)).toBe(before);
  expect(() => Object.assign(flights, { plan: null })).toThrow(TypeError);
});

it('rows have types', () => {
  const groups = flights
    .groupBy('origin')
    .aggregate({ n: count(), d: avg('delay'), s: sum<bigint>('delay') });
  expectTypeOf(groups).toEqualTypeOf<
    Query<Pick<Flight, 'origin'> & { readonly n: bigint; readonly d: number | null; readonly s: bigint }>
  >();
  expectTypeOf(flights.select('id', 'delay')).toEqualTypeOf<Query<Pick<Flight, 'id' | 'delay'>>>();
  expect(groups.plan.steps).toHaveLength(1);
});

it('literals keep their types on the way to an engine', () => {
  const values = [null, true, 'a', 1, 2n ** 63n, 0.5, -0, Number.NaN, new Date(1), Uint8Array.of(7)];
  const query = from('t').where(...values.map((value) => lit(value)));
  const { steps } = JSON.parse(encodePlan(query.plan)) as { steps: { condition: { value: unknown } }[] };
  expect(steps.map(({ condition }) => condition.value)).toEqual([
    null,
    { boolean: true },
    { text: 'a' },
    { integer: '1' },
    { integer: '9223372036854775808' },
    { float: '0.5' },
    { float: '-0' },
    { float: 'NaN' },
    { micros: '1000' },
    { bytes: [7] },
  ]);
});

it('a database runs it, also in a transaction and at a snapshot', async () => {
  const factory = sqlFactory(folder);
  const db = (await factory.open(await factory.place())) as import('@varve/sql').SqlDatabase;
  try {
    await db.query('CREATE TABLE flights (id BIGINT PRIMARY KEY, origin VARCHAR, delay INTEGER)');
    await db.append('flights', { id: [1, 2, 3], origin: ['a', 'b', 'a'], delay: [5, null, 7] });
    const query = flights
      .groupBy('origin')
      .aggregate({ n: count('delay'), d: countDistinct('id'), least: min('delay'), most: max('delay') })
      .orderBy('origin');
    const expected = [
      { origin: 'a', n: 2n, d: 2n, least: 5, most: 7 },
      { origin: 'b', n: 0n, d: 1n, least: null, most: null },
    ];
    expect(await db.query(query).rows()).toEqual(expected);
    const snapshot = db.snapshot();
    await db.query('DELETE FROM flights');
    expect(await db.query(query, { snapshot }).rows()).toEqual(expected);
    snapshot.release();
    await db.transaction(async (transaction) => {
      await transaction.append('flights', { id: [9], origin: ['z'], delay: [1] });
      expect(await transaction.query(flights.select('id')).rows()).toEqual([{ id: 9n }]);
    });
  } finally {
    await db.close();
  }
});
