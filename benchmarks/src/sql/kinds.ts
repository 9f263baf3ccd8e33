/** The kinds of engine that answer queries in a process of their own, by name. */
import type { Size } from '../result.js';
import { duckdb } from './duckdb.js';
import type { SqlEngineKind } from './engine.js';
import { h2oPlans } from './h2o/plans.js';
import { polarsKinds } from './polars.js';
import { sizes } from './sizes.js';
import { varveKinds } from './varve.js';

/** Every engine that has table g. */
export async function kindsOverG(size: Size): Promise<readonly SqlEngineKind[]> {
  return [...(await varveKinds()), duckdb, ...polarsKinds('g', h2oPlans(sizes[size]))];
}

/** @throws RangeError when there is no such kind */
export async function kindNamed(name: string, size: Size): Promise<SqlEngineKind> {
  const found = (await kindsOverG(size)).find((kind) => kind.name === name);
  if (found === undefined) throw new RangeError(`no engine is named ${name}`);
  return found;
}
