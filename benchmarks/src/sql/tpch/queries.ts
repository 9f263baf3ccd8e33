/** The 22 queries of TPC-H with the specification's validation parameters. */
import type { Query } from '../engine.js';
import { readSql } from '../statements.js';

/** @param scale of the data: what counts as important stock (query 11) depends on it */
export function tpchQueries(scale: number): readonly Query[] {
  return Array.from({ length: 22 }, (_, i) => {
    const text = readSql(`tpch/q${String(i + 1).padStart(2, '0')}.sql`, { fraction: 0.0001 / scale });
    return { name: `q${i + 1}`, sql: text.replace(/;\s*$/, '') };
  });
}

/** Those that read one table only and join nothing. */
const withoutJoin: ReadonlySet<string> = new Set(['q1', 'q6']);

/** The queries with joins. */
export const tpchJoins = (scale: number): readonly Query[] =>
  tpchQueries(scale).filter(({ name }) => !withoutJoin.has(name));
