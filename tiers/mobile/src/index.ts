/**
 * Varve for phones and small devices: tables in process, queried without SQL, and tiny models beside the data.
 *
 *     import { from, open } from '@varve/mobile';
 *     const db = await open('./data');
 */
export { VarveError } from '@varve/interfaces';
export {
  asc,
  avg,
  col,
  count,
  countDistinct,
  desc,
  from,
  lit,
  max,
  min,
  type Query,
  sum,
} from '@varve/sql';
export { capabilities } from './claims.js';
export { type MobileDatabase, type OpenOptions, open } from './parts.js';
