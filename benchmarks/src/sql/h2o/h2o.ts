/**
 * Case `h2o`: eleven queries over 10 M rows, each answered alike by every engine and then timed in interleaved hot runs;
 * the aggregate into as many groups as rows, which takes seconds, in fewer.
 */
import type { Case, Context } from '../../result.js';
import { row } from '../../rounds.js';
import { duckdb } from '../duckdb.js';
import type { Query } from '../engine.js';
import { kindsOverG } from '../kinds.js';
import { type Sizes, sizes } from '../sizes.js';
import { readSql, splitQueries } from '../statements.js';
import { geometricMeans, lastDigits, overBetter, timeQueries, worstRatios } from '../timing.js';
import { openAll } from './table.js';

const name = 'h2o';

export async function h2o(context: Context): Promise<readonly Case[]> {
  const size = sizes[context.size];
  const engines = await openAll(await kindsOverG(context.size), context);
  context.progress.step('h2o: eleven queries');
  const all = await timeQueries(engines, h2oQueries(size), {
    roundsOf: (query) => (query.name === manyGroups ? size.longRounds : size.rounds),
    tolerance: lastDigits,
    progress: context.progress,
  });
  for (const engine of engines) await engine.close();
  const means = geometricMeans(all);
  return [
    ...all.map(({ query, samples }) =>
      row({ case: name, metric: query.name, unit: 'ms', better: 'lower' }, samples),
    ),
    { case: name, metric: 'geometric mean of best times', unit: 'ms', better: 'lower', values: means },
    {
      case: name,
      metric: 'slowest query beside DuckDB',
      unit: 'x',
      better: 'lower',
      values: worstRatios(all, duckdb.name),
      remark: true,
    },
    ...overBetter({ case: name, metric: 'geometric mean over the better Polars' }, means, [
      'polars',
      'polars, Parquet',
    ]),
  ];
}

/** The query with as many groups as rows. */
export const manyGroups = '9 sum, count by six columns';

export function h2oQueries({ range: { from, to } }: Sizes): readonly Query[] {
  return splitQueries(readSql('h2o/queries.sql', { from: `timestamp '${from}'`, to: `timestamp '${to}'` }));
}
