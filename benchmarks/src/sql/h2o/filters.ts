/**
 * Case `filters`: selective filters on 10 M rows, with secondary indexes and without, in Varve and in DuckDB. Polars has
 * none. In each round a query comes again and again for a while; its first run, behind those of other engines, is told by
 * itself.
 */
import type { Case, Context } from '../../result.js';
import { row } from '../../rounds.js';
import { exact } from '../../statistics.js';
import { duckdb, duckdbWithIndexes } from '../duckdb.js';
import type { Query, SqlEngineKind } from '../engine.js';
import { type PolarsPlans, polarsKinds } from '../polars.js';
import { type Sizes, sizes } from '../sizes.js';
import { readSql, splitQueries } from '../statements.js';
import { geometricMeans, lastDigits, type Timed, timeQueries } from '../timing.js';
import { findVarve, varveKind } from '../varve.js';
import { openAll } from './table.js';

const name = 'filters';

/** Columns that the filters name. DuckDB's indexes serve one column at a time. */
const indexes: Readonly<Record<string, readonly string[]>> = { g: ['id3', 'id6', 'ts', 'v3'] };

export async function filters(context: Context): Promise<readonly Case[]> {
  const size = sizes[context.size];
  const kinds = [
    ...(await ownKinds()),
    duckdb,
    duckdbWithIndexes(indexes),
    ...polarsKinds('g', filterPlans(size)),
  ];
  const engines = await openAll(kinds, context);
  context.progress.step('filters: six queries');
  const all = await timeQueries(engines, filterQueries(size), {
    roundsOf: () => size.filterRounds,
    roundMs: size.filterMs,
    tolerance: lastDigits,
    progress: context.progress,
  });
  for (const engine of engines) await engine.close();
  const firsts = all.map((timed) => ({ ...timed, samples: timed.firsts }));
  return [...rowsOf(all, ''), ...rowsOf(firsts, ', the first of a round')];
}

/** What runs of a kind took, whose rows are called by their query and `of`. */
function rowsOf(all: readonly Timed[], of: string): readonly Case[] {
  const means = geometricMeans(all);
  const head = { case: name, unit: 'ms', better: 'lower' } as const;
  return [
    ...all.map(({ query, samples }) => row({ ...head, metric: `${query.name}${of}` }, samples)),
    { ...head, metric: `geometric mean of best times${of}`, values: means },
    ...gainsOver(means, of),
  ];
}

/**
 * Varve with indexes carries the suite's name for it: that is how a user who filters would have it. Without them it has zone
 * maps, which find a stretch of time as well; only in rows that lie in no order it has neither.
 */
async function ownKinds(): Promise<readonly SqlEngineKind[]> {
  const sql = await findVarve();
  if (sql === undefined) return [];
  const all = { g: [...(indexes['g'] ?? []), 'id1, id4, v1'] };
  return [
    varveKind(sql, 'varve', { indexes: all }),
    varveKind(sql, 'varve, no index'),
    varveKind(sql, 'varve, neither', { shuffled: true }),
  ];
}

/**
 * How much faster Varve is with indexes and zone maps than with neither, than with zone maps alone, and than DuckDB, which
 * has zone maps too.
 */
function gainsOver(means: ReturnType<typeof geometricMeans>, of: string): readonly Case[] {
  const own = means['varve']?.median;
  if (own === undefined) return [];
  const others = {
    neither: means['varve, neither'],
    'no index': means['varve, no index'],
    DuckDB: means['duckdb'],
  };
  return Object.entries(others).flatMap(([other, mean]) =>
    mean === undefined
      ? []
      : {
          case: name,
          metric: `speed over ${other}${of}`,
          unit: 'x',
          better: 'higher' as const,
          values: { varve: exact(mean.median / own) },
        },
  );
}

export function filterQueries({ rows }: Sizes): readonly Query[] {
  const { hour, day } = ranges(rows);
  const literal = (ms: number): string =>
    `timestamp '${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}'`;
  return splitQueries(
    readSql('h2o/filters.sql', {
      hour_from: literal(hour.from),
      hour_to: literal(hour.to),
      day_from: literal(day.from),
      day_to: literal(day.to),
    }),
  );
}

export function filterPlans({ rows }: Sizes): PolarsPlans {
  const { hour, day } = ranges(rows);
  return {
    'id3 = a string': (g, pl) =>
      g.filter(pl.col('id3').eq(pl.lit('id0000000123'))).select('id1', 'id6', 'v3'),
    'id6 = an integer': (g, pl) => g.filter(pl.col('id6').eq(123)),
    'an hour of ts': (g, pl) =>
      g
        .filter(
          pl
            .col('ts')
            .gtEq(pl.lit(new Date(hour.from)))
            .and(pl.col('ts').lt(pl.lit(new Date(hour.to)))),
        )
        .select(pl.len().alias('n'), pl.col('v3').sum()),
    'a day of ts': (g, pl) =>
      g
        .filter(
          pl
            .col('ts')
            .gtEq(pl.lit(new Date(day.from)))
            .and(pl.col('ts').lt(pl.lit(new Date(day.to)))),
        )
        .select('id1', 'v1', 'v3'),
    'v3 in a narrow range': (g, pl) =>
      g.filter(pl.col('v3').gtEq(50).and(pl.col('v3').lt(50.01))).select('id3', 'v3'),
    'id1, id4 and v1 together': (g, pl) =>
      g
        .filter(pl.col('id1').eq(pl.lit('id042')).and(pl.col('id4').eq(17)).and(pl.col('v1').eq(3)))
        .select('id6', 'v3'),
  };
}

/** An hour and a day around the middle of the table, which has a row per second; ms since 1970. */
function ranges(
  rows: number,
): Readonly<Record<'hour' | 'day', { readonly from: number; readonly to: number }>> {
  const middle = Date.UTC(2026, 0, 1) + Math.floor(rows / 2) * 1000;
  return {
    hour: { from: middle, to: middle + 3_600_000 },
    day: { from: middle - 43_200_000, to: middle + 43_200_000 },
  };
}
