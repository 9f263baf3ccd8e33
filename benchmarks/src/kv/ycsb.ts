/**
 * Cases `YCSB A` to `YCSB F`: the six core mixes, one client, unsynced writes of which at most 100 are in flight.
 *
 * Among the writes in flight some are to the same key, and an engine with several writing threads, such as classic-level,
 * applies those in any order. So all that are in flight together write the same value to a key; the next hundred another.
 *
 * Source: YCSB's workload files (workloads/workloada to workloadf): proportions, Zipfian constant 0.99, scans of 1 to
 * 100 records, D reads the latest inserts. Run in YCSB's order: A, B, C, F, D, E.
 */
import { Digest } from '../digest.js';
import { createRandom } from '../random.js';
import type { Case, Context } from '../result.js';
import { interleave, mustAgree, row } from '../rounds.js';
import type { Engine } from './engine.js';
import { mix, type Records } from './records.js';
import type { Sizes } from './sizes.js';
import { createZipf } from './zipf.js';

type Kind = 'read' | 'update' | 'insert' | 'scan' | 'modify';

export interface Mix {
  readonly name: string;
  readonly shares: readonly (readonly [Kind, number])[];
  readonly latest?: boolean;
  /** Of the suite's operations per round; all of them by default. */
  readonly part?: number;
}

export const mixes: readonly Mix[] = [
  {
    name: 'YCSB A',
    shares: [
      ['read', 0.5],
      ['update', 0.5],
    ],
  },
  {
    name: 'YCSB B',
    shares: [
      ['read', 0.95],
      ['update', 0.05],
    ],
  },
  { name: 'YCSB C', shares: [['read', 1]] },
  {
    name: 'YCSB F',
    shares: [
      ['read', 0.5],
      ['modify', 0.5],
    ],
  },
  {
    name: 'YCSB D',
    shares: [
      ['read', 0.95],
      ['insert', 0.05],
    ],
    latest: true,
  },
  {
    name: 'YCSB E',
    shares: [
      ['scan', 0.95],
      ['insert', 0.05],
    ],
    // One of its operations reads 50 records on average.
    part: 0.1,
  },
];

const scanMax = 100;
export const inFlight = 100;

export interface Operation {
  readonly kind: Kind;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly limit: number;
}

export async function ycsb(
  engines: readonly Engine[],
  records: Records,
  { operations, rounds }: Sizes,
  { progress, seed }: Context,
): Promise<readonly Case[]> {
  const cases: Case[] = [];
  let inserted = records.count;
  let version = 1;
  for (const [number, mixed] of mixes.entries()) {
    progress.step(mixed.name);
    const roundCount = Math.min(rounds, 3);
    const count = Math.ceil(operations * (mixed.part ?? 1));
    const plans: (readonly Operation[])[] = [];
    for (let round = 0; round < roundCount; round++) {
      const plan = drawOperations(mixed, records, {
        count,
        inserted,
        version,
        seed: seed + 100 * number + round,
      });
      version += Math.ceil(count / inFlight);
      inserted += plan.filter(({ kind }) => kind === 'insert').length;
      plans.push(plan);
    }
    const samples = await interleave(engines, roundCount, async (engine, round) => {
      const plan = plans[round] ?? [];
      const start = performance.now();
      await perform(engine, plan);
      return (plan.length / (performance.now() - start)) * 1000;
    });
    cases.push(
      row({ case: mixed.name, metric: 'operations per second', unit: '1/s', better: 'higher' }, samples),
    );
  }
  progress.step('YCSB: comparing the stores that are left');
  const digests = new Map<string, string>();
  for (const engine of engines) {
    const answers = new Digest();
    await engine.prepareScan()(answers);
    digests.set(engine.name, answers.toString());
  }
  mustAgree('YCSB', digests);
  return cases.toSorted((a, b) => a.case.localeCompare(b.case));
}

export interface Plan {
  /** Operations. */
  readonly count: number;
  /** Records that are there before it. */
  readonly inserted: number;
  /** Of the values that its first updates write; it takes one for every hundred writes. */
  readonly version: number;
  readonly seed: number;
}

export function drawOperations(
  { shares, latest = false }: Mix,
  records: Records,
  { count, inserted, version, seed }: Plan,
): readonly Operation[] {
  const random = createRandom(seed);
  const zipf = createZipf(records.count, random);
  let total = inserted;
  let writes = 0;
  return Array.from({ length: count }, () => {
    let share = random.unit();
    const kind = shares.find(([, part]) => (share -= part) < 0)?.[0] ?? 'read';
    const current = version + Math.floor(writes / inFlight);
    if (kind === 'insert' || kind === 'update' || kind === 'modify') writes += 1;
    if (kind === 'insert') {
      const index = total++;
      return { kind, key: records.key(index), value: records.value(index), limit: 0 };
    }
    // Popular ranks are scattered over the records, as YCSB's ScrambledZipfianGenerator does.
    const rank = zipf();
    const index = latest ? total - 1 - rank : mix(rank, seed) % records.count;
    const limit = kind === 'scan' ? 1 + random.below(scanMax) : 0;
    return { kind, key: records.key(index), value: records.value(index, current), limit };
  });
}

async function perform(engine: Engine, plan: readonly Operation[]): Promise<void> {
  let pending: Promise<unknown>[] = [];
  for (const { kind, key, value, limit } of plan) {
    if (kind === 'scan') {
      const sum = engine.range(key, limit);
      if (typeof sum !== 'number') await sum;
      continue;
    }
    if (kind === 'read' || kind === 'modify') engine.get(key);
    if (kind === 'read') continue;
    const put = engine.put(key, value);
    if (put !== undefined) pending.push(put);
    if (pending.length === inFlight) {
      await Promise.all(pending);
      pending = [];
    }
  }
  await Promise.all(pending);
}
