/**
 * Case `groups`: the aggregate into as many groups as rows, 10 M, in a process of its own for every measurement: how
 * long it takes, and the most memory that the process ever held, its Node and its opened database included.
 */
import { runChild } from '../../command.js';
import type { Case, Context } from '../../result.js';
import { interleave, row } from '../../rounds.js';
import { type Fingerprint, mustMatch } from '../fingerprint.js';
import { kindsOverG } from '../kinds.js';
import type { Reply, Request } from '../query.child.js';
import { sizes } from '../sizes.js';
import { lastDigits } from '../timing.js';
import { h2oQueries, manyGroups } from './h2o.js';
import { loadedG } from './table.js';

const name = 'groups';

export async function groups(context: Context): Promise<readonly Case[]> {
  const { size, progress } = context;
  const query = h2oQueries(sizes[size]).find((candidate) => candidate.name === manyGroups);
  if (query === undefined) throw new RangeError(`there is no query ${manyGroups}`);
  const kinds = await kindsOverG(size);
  const folders = new Map<string, string>();
  for (const kind of kinds) folders.set(kind.name, await loadedG(kind, context));
  const peaks = new Map(kinds.map((kind) => [kind.name, [] as number[]]));
  const answers = new Map<string, Fingerprint>();
  progress.step('groups: one aggregate per process');
  const rounds = Math.min(3, sizes[size].rounds);
  let done = 0;
  const times = await interleave(kinds, rounds, async (kind, round) => {
    const folder = folders.get(kind.name) ?? '';
    const request: Request = { kind: kind.name, folder, size, query, compare: round === 0 };
    const reply = await runChild<Reply>(new URL('../query.child.js', import.meta.url), [
      JSON.stringify(request),
    ]);
    progress.at(++done / (rounds * kinds.length));
    if ('failure' in reply) throw new Error(`${name}: ${kind.name} fails: ${reply.failure}`);
    if (reply.answer !== undefined) answers.set(kind.name, reply.answer);
    peaks.get(kind.name)?.push(reply.peakBytes);
    return reply.ms;
  });
  mustMatch(name, answers, lastDigits);
  return [
    row({ case: name, metric: 'time', unit: 'ms', better: 'lower' }, times),
    row({ case: name, metric: 'peak memory of the process', unit: 'B', better: 'lower' }, peaks),
  ];
}
