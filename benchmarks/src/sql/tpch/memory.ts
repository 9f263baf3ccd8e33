/**
 * Case `tpchMemory`: the TPC-H queries with joins, each in a process of its own whose engine may hold 512 MB. A query
 * that does not finish counts as a failure; the total is of those that every engine finishes.
 */
import { CommandFailed, runChild } from '../../command.js';
import type { Case, Context, Value } from '../../result.js';
import { exact } from '../../statistics.js';
import { duckdb } from '../duckdb.js';
import { type Fingerprint, mustMatch } from '../fingerprint.js';
import type { Reply, Request } from '../query.child.js';
import { sizes } from '../sizes.js';
import { varveKinds } from '../varve.js';
import { tpchJoins } from './queries.js';
import { loadedTpch } from './tables.js';
import { decimalScales } from './tpch.js';

const name = 'tpchMemory';
const memoryBytes = 512 * 2 ** 20;

export async function tpchMemory(context: Context): Promise<readonly Case[]> {
  const { size, progress, note } = context;
  const kinds = [...(await varveKinds()), duckdb];
  const folders = new Map<string, string>();
  for (const kind of kinds) folders.set(kind.name, await loadedTpch(kind, context));
  const engines = kinds.map((kind) => kind.name);
  const queries = tpchJoins(sizes[size].scale);
  const failures = new Map(engines.map((engine) => [engine, 0]));
  const totals = new Map(engines.map((engine) => [engine, 0]));
  const peaks = new Map(engines.map((engine) => [engine, 0]));
  progress.step('tpchMemory: joins within 512 MB');
  for (const [i, query] of queries.entries()) {
    const replies = new Map<string, Exclude<Reply, { failure: string }>>();
    for (const engine of engines) {
      const folder = folders.get(engine) ?? '';
      const reply = await ask({ kind: engine, folder, size, query, memoryBytes, compare: true });
      if ('failure' in reply) {
        failures.set(engine, (failures.get(engine) ?? 0) + 1);
        note(`${name}, ${query.name}: ${engine} fails: ${reply.failure.split('\n', 1)[0]}`);
      } else replies.set(engine, reply);
    }
    mustMatch(query.name, answersOf(replies), decimalScales);
    for (const [engine, { peakBytes }] of replies)
      peaks.set(engine, Math.max(peaks.get(engine) ?? 0, peakBytes));
    if (replies.size === engines.length)
      for (const [engine, { ms }] of replies) totals.set(engine, (totals.get(engine) ?? 0) + ms);
    progress.at((i + 1) / queries.length);
  }
  const of = (metric: string, unit: string, figures: ReadonlyMap<string, number>): Case => ({
    case: name,
    metric,
    unit,
    better: 'lower',
    values: valuesOf(figures),
  });
  return [
    of('queries that fail', 'of 20', failures),
    of('total of what all finish', 'ms', totals),
    of('peak memory of a process', 'B', peaks),
  ];
}

/** A process that dies, for want of memory say, has failed its query. */
async function ask(request: Request): Promise<Reply> {
  try {
    return await runChild<Reply>(new URL('../query.child.js', import.meta.url), [JSON.stringify(request)]);
  } catch (error) {
    if (error instanceof CommandFailed) return { failure: error.message };
    throw error;
  }
}

function answersOf(
  replies: ReadonlyMap<string, { readonly answer?: Fingerprint }>,
): Map<string, Fingerprint> {
  const answers = new Map<string, Fingerprint>();
  for (const [engine, { answer }] of replies) if (answer !== undefined) answers.set(engine, answer);
  return answers;
}

function valuesOf(figures: ReadonlyMap<string, number>): Readonly<Record<string, Value>> {
  return Object.fromEntries([...figures].map(([engine, figure]) => [engine, exact(figure)]));
}
