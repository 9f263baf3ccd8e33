/** Queries without SQL text: what programs import. */
export { from, type GroupRow, type Groups, type JoinOptions, Query } from './query.js';
export {
  Aggregate,
  asc,
  avg,
  col,
  count,
  countDistinct,
  desc,
  lit,
  max,
  min,
  sum,
  Value,
  type ValueLike,
} from './values.js';
