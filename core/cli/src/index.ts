/** The `varve` command, over the database that a tier injects; and its parts that are pure. */
export { quotedName } from './completion.js';
export { barChart, lineChart, type Series } from './format/plot.js';
export {
  type Columns,
  createWriter,
  type Mode,
  modes,
  type RowWriter,
  type WriterOptions,
} from './format/writers.js';
export { rowTypes } from './row-types.js';
export { runVarve } from './run.js';
export { type SplitSql, splitSql } from './statements.js';
export type { CliOpenOptions, CliWorld, Terminal } from './world.js';
