/** The eleven queries of queries.sql in Polars' expressions. */
import type { PolarsPlans } from '../polars.js';
import type { Sizes } from '../sizes.js';

/** @param range that query 11 asks for, in UTC */
export function h2oPlans({ range }: Sizes): PolarsPlans {
  const date = (text: string): Date => new Date(`${text.replace(' ', 'T')}Z`);
  return {
    '1 sum by id1': (g, pl) => g.groupBy(['id1'], false).agg(pl.col('v1').sum()),
    '2 sum by id1, id2': (g, pl) => g.groupBy(['id1', 'id2'], false).agg(pl.col('v1').sum()),
    '3 sum, avg by id3': (g, pl) => g.groupBy(['id3'], false).agg(pl.col('v1').sum(), pl.col('v3').mean()),
    '4 three avg by id4': (g, pl) =>
      g.groupBy(['id4'], false).agg(pl.col('v1').mean(), pl.col('v2').mean(), pl.col('v3').mean()),
    '5 three sum by id6': (g, pl) =>
      g.groupBy(['id6'], false).agg(pl.col('v1').sum(), pl.col('v2').sum(), pl.col('v3').sum()),
    '6 median, stddev by id4, id5': (g, pl) =>
      g
        .groupBy(['id4', 'id5'], false)
        .agg(pl.col('v3').median().alias('median_v3'), pl.col('v3').std().alias('stddev_v3')),
    '7 max - min by id3': (g, pl) =>
      g.groupBy(['id3'], false).agg(pl.col('v1').max().sub(pl.col('v2').min()).alias('range_v1_v2')),
    '8 corr by id2, id4': (g, pl) =>
      g.groupBy(['id2', 'id4'], false).agg(pl.pearsonCorr('v1', 'v2').alias('corr_v1_v2')),
    '9 sum, count by six columns': (g, pl) =>
      g
        .groupBy(['id1', 'id2', 'id3', 'id4', 'id5', 'id6'], false)
        .agg(pl.col('v3').sum(), pl.len().alias('n')),
    '10 filter, sum': (g, pl) =>
      g
        .filter(pl.col('id4').eq(7).and(pl.col('v2').lt(5)).and(pl.col('v3').lt(30)))
        .select(pl.col('v3').mul(pl.col('v1')).sum().alias('v')),
    '11 range of ts, top 10': (g, pl) =>
      g
        .filter(
          pl
            .col('ts')
            .gtEq(pl.lit(date(range.from)))
            .and(pl.col('ts').lt(pl.lit(date(range.to)))),
        )
        .groupBy(['id6'], false)
        .agg(pl.col('v3').sum().alias('s'))
        .sort(['s'], true)
        .limit(10),
  };
}
