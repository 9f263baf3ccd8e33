/**
 * Varve for PCs: tables and SQL in process, and tiny models beside the data.
 *
 *     import { open } from '@varve/pc';
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
  sql,
  sum,
} from '@varve/sql';
export { capabilities } from './claims.js';
export { type OpenOptions, open, type PcDatabase } from './parts.js';
