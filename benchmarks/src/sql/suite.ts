/**
 * Suite `sql`: is Varve's SQL over columns faster, smaller and steadier than DuckDB and Polars from Node?
 *
 * Workload: see the head of each part. Every engine works with two threads, on its own storage and in its fastest calls:
 * DuckDB resident on its own file, results streamed as chunks; Polars in lazy expressions, over frames in memory and
 * over Parquet files. Answers are compared before any time counts. Excluded: generating and, but where a case names it,
 * loading the data.
 */
import { addon } from '../addon.js';
import type { Suite } from '../result.js';
import { installRivals } from '../rivals/install.js';
import { adaptive } from './adaptive.js';
import { append } from './append.js';
import { boundary } from './boundary.js';
import { calls } from './calls.js';
import { commit } from './commit.js';
import { file } from './h2o/file.js';
import { filters } from './h2o/filters.js';
import { groups } from './h2o/groups.js';
import { h2o } from './h2o/h2o.js';
import { tpchMemory } from './tpch/memory.js';
import { tpch } from './tpch/tpch.js';

export const sql: Suite = {
  prepare: ({ progress }) => installRivals(progress),
  parts: {
    h2o,
    filters,
    groups,
    file,
    tpch,
    tpchMemory,
    boundary,
    calls,
    append,
    commit,
    adaptive,
    addon: ({ size }) => Promise.resolve([addon('pc', size)]),
  },
};
