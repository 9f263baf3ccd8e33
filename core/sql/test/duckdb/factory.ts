/** Databases over the stand-in, for suites. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { SqlFactory } from '@varve/conformance';
import { type Clock, type SqlEngine, VarveError } from '@varve/interfaces';
import { type NativeSql, openSqlDatabase, sql } from '@varve/sql';
import { duckdbSql } from './face.js';

/** The clock of this process; simulated time would stand still while DuckDB works. */
export const clock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    if (!(delayMs >= 0)) throw new VarveError('ARGUMENT_INVALID', { message: `a delay of ${delayMs} ms` });
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * @param change what is broken in the database, to see whether the suite notices
 * @param native the engine below
 */
export function sqlFactory(
  folder: string,
  change: (db: SqlEngine) => SqlEngine = (db) => db,
  native: NativeSql = duckdbSql,
): SqlFactory {
  return {
    place: async () => mkdtempSync(join(folder, 'place-')),
    open: async (place, options) => change(await openSqlDatabase({ native, clock }, place, options)),
    sql,
  };
}
