/** Case `tpch`: the 22 queries of TPC-H at scale 1, each answered alike and then timed in interleaved hot runs. */
import type { Case, Context } from '../../result.js';
import { row } from '../../rounds.js';
import { duckdb } from '../duckdb.js';
import type { SqlEngine } from '../engine.js';
import type { Tolerance } from '../fingerprint.js';
import { sizes } from '../sizes.js';
import { timeQueries, totals, worstRatios } from '../timing.js';
import { varveKinds } from '../varve.js';
import { tpchQueries } from './queries.js';
import { loadedTpch } from './tables.js';

const name = 'tpch';

/** Engines choose the scale of a mean or a quotient of decimals; six digits behind the point are kept by each. */
export const decimalScales: Tolerance = { relative: 1e-9, absolute: 1e-6 };

export async function tpch(context: Context): Promise<readonly Case[]> {
  const { rounds, scale } = sizes[context.size];
  const engines: SqlEngine[] = [];
  for (const kind of [...(await varveKinds()), duckdb])
    engines.push(await kind.open(await loadedTpch(kind, context)));
  context.progress.step('tpch: 22 queries');
  const all = await timeQueries(engines, tpchQueries(scale), {
    roundsOf: () => rounds,
    tolerance: decimalScales,
    progress: context.progress,
  });
  for (const engine of engines) await engine.close();
  const worst = worstRatios(all, duckdb.name);
  return [
    ...all.map(({ query, samples }) =>
      row({ case: name, metric: query.name, unit: 'ms', better: 'lower' }, samples),
    ),
    { case: name, metric: 'total of best times', unit: 'ms', better: 'lower', values: totals(all) },
    ...(Object.keys(worst).length === 0
      ? []
      : [
          {
            case: name,
            metric: 'slowest query beside DuckDB',
            unit: 'x',
            better: 'lower',
            values: worst,
          } as const,
        ]),
  ];
}
