/** Cases `point read`, `batch of 1,000 reads` and `full scan`: answers digested and compared, then timed. */
import { Digest } from '../digest.js';
import { createRandom } from '../random.js';
import type { Case, Context } from '../result.js';
import { interleave, mustAgree, row } from '../rounds.js';
import type { Engine, Question } from './engine.js';
import type { Records } from './records.js';
import type { Sizes } from './sizes.js';

/** One in ten keys of the compared questions is missing; the timed ones all hit, as the goals mean them. */
const missShare = 0.1;

export async function pointReads(
  engines: readonly Engine[],
  records: Records,
  { reads, rounds }: Sizes,
  context: Context,
): Promise<Case> {
  return await timed(engines, context, {
    head: { case: 'point read', metric: 'reads per second', unit: '1/s', better: 'higher' },
    prepare: (engine, keys) => engine.preparePoints(keys),
    compared: someKeys(records, Math.min(reads, 50_000), context.seed, missShare),
    rounds,
    keysOf: (round) => someKeys(records, reads, context.seed + 1 + round, 0),
  });
}

export async function batchReads(
  engines: readonly Engine[],
  records: Records,
  { reads, rounds }: Sizes,
  context: Context,
): Promise<Case> {
  return await timed(engines, context, {
    head: { case: 'batch of 1,000 reads', metric: 'reads per second', unit: '1/s', better: 'higher' },
    prepare: (engine, keys) => engine.prepareBatches(keys, 1000),
    compared: someKeys(records, Math.min(reads, 50_000), context.seed, missShare),
    rounds,
    keysOf: (round) => someKeys(records, reads, context.seed + 101 + round, 0),
  });
}

export async function fullScan(
  engines: readonly Engine[],
  records: Records,
  { rounds }: Sizes,
  context: Context,
): Promise<Case> {
  return await timed(engines, context, {
    head: { case: 'full scan', metric: 'records per second', unit: '1/s', better: 'higher' },
    prepare: (engine) => engine.prepareScan(),
    compared: [],
    rounds: Math.min(rounds, 3),
    keysOf: () => ({ length: records.count }),
  });
}

interface Plan<K extends { readonly length: number }> {
  readonly head: Pick<Case, 'case' | 'metric' | 'unit' | 'better'>;
  readonly prepare: (engine: Engine, keys: readonly Buffer[]) => Question;
  readonly compared: readonly Buffer[];
  readonly rounds: number;
  readonly keysOf: (round: number) => K;
}

async function timed<K extends { readonly length: number }>(
  engines: readonly Engine[],
  { progress }: Context,
  { head, prepare, compared, rounds, keysOf }: Plan<K>,
): Promise<Case> {
  progress.step(`${head.case}: comparing answers`);
  const digests = new Map<string, string>();
  for (const engine of engines) {
    const answers = new Digest();
    await prepare(engine, compared)(answers);
    digests.set(engine.name, answers.toString());
  }
  mustAgree(head.case, digests);
  progress.step(`${head.case}: timing`);
  const sums = new Map<number, number>();
  let done = 0;
  const samples = await interleave(engines, rounds, async (engine, round) => {
    const keys = keysOf(round);
    const question = prepare(engine, Array.isArray(keys) ? (keys as readonly Buffer[]) : []);
    const start = performance.now();
    const sum = await question();
    const elapsedMs = performance.now() - start;
    mustAgree(
      `${head.case}, round ${round}`,
      new Map([
        ['the first engine', sums.get(round) ?? sum],
        [engine.name, sum],
      ]),
    );
    sums.set(round, sum);
    progress.at(++done / (rounds * engines.length));
    return (keys.length / elapsedMs) * 1000;
  });
  return row(head, samples);
}

/** Keys drawn uniformly; `missing` is the share that was never loaded. */
export function someKeys(records: Records, count: number, seed: number, missing: number): Buffer[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const index = random.below(records.count);
    return records.key(random.unit() < missing ? records.count + index : index);
  });
}
