/** Case `cold open`: a fresh process, the store's files out of the page cache, from `open` to the first get. */
import { runChild } from '../command.js';
import type { Case, Context } from '../result.js';
import { interleave, mustAgree, row } from '../rounds.js';
import { dropCache } from './disk-bytes.js';
import type { EngineKind } from './engine.js';
import type { Records } from './records.js';

interface Answer {
  readonly elapsedMs: number;
  readonly answer: number;
  readonly readBytes: number;
}

/** @param folderOf where each engine's closed store lies */
export async function coldOpen(
  kinds: readonly EngineKind[],
  folderOf: (kind: EngineKind) => string,
  records: Records,
  rounds: number,
  { progress }: Context,
): Promise<readonly Case[]> {
  progress.step('cold open');
  const read = new Map(kinds.map(({ name }) => [name, [] as number[]]));
  const sums = new Map<number, number>();
  const samples = await interleave(kinds, rounds, async (kind, round) => {
    const folder = folderOf(kind);
    await dropCache(folder);
    const key = records.key(Math.floor((records.count * (round + 0.5)) / rounds)).toString('hex');
    const { elapsedMs, answer, readBytes } = await runChild<Answer>(
      new URL('open.child.js', import.meta.url),
      [kind.name, folder, key],
    );
    mustAgree(
      'cold open',
      new Map([
        ['the first engine', sums.get(round) ?? answer],
        [kind.name, answer],
      ]),
    );
    sums.set(round, answer);
    read.get(kind.name)?.push(readBytes);
    return elapsedMs;
  });
  return [
    row({ case: 'cold open', metric: 'time to first get', unit: 'ms', better: 'lower' }, samples),
    row({ case: 'cold open', metric: 'read from storage', unit: 'B', better: 'lower' }, read),
  ];
}
