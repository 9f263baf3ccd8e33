/**
 * Case `reads during a merge`: single reads, timed one by one, 100 per turn of the event loop, first while the store
 * rests and then while it merges its segments (classic-level: compacts its range).
 */
import { createRandom } from '../random.js';
import type { Case, Context } from '../result.js';
import { row, WrongAnswer } from '../rounds.js';
import { quantile } from '../statistics.js';
import type { Engine } from './engine.js';
import { batchSize, entries } from './load.js';
import type { Records } from './records.js';

const perTurn = 100;

interface Reading {
  readonly p999Us: number;
  readonly longestStallMs: number;
}

/** @param engines those that merge in the background */
export async function readsDuringMerge(
  engines: readonly Engine[],
  records: Records,
  rounds: number,
  { progress, seed }: Context,
): Promise<readonly Case[]> {
  progress.step('reads during a merge');
  const quiet = new Map(engines.map(({ name }) => [name, [] as number[]]));
  const merging = new Map(engines.map(({ name }) => [name, [] as number[]]));
  const ratio = new Map(engines.map(({ name }) => [name, [] as number[]]));
  const stallAtRest = new Map(engines.map(({ name }) => [name, [] as number[]]));
  const stall = new Map(engines.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [i, engine] of engines.entries()) {
      await engine.compact();
      const turns = Math.max(20, Math.floor(records.count / 500));
      const rest = await readWhile(engine, records, seed + round, (turn) => turn < turns);
      await overwrite(engine, records, round + 1);
      let merges = true;
      const merge = Promise.resolve(engine.compact()).finally(() => {
        merges = false;
      });
      const busy = await readWhile(engine, records, seed + round, () => merges);
      await merge;
      quiet.get(engine.name)?.push(rest.p999Us);
      merging.get(engine.name)?.push(busy.p999Us);
      ratio.get(engine.name)?.push(busy.p999Us / rest.p999Us);
      stallAtRest.get(engine.name)?.push(rest.longestStallMs);
      stall.get(engine.name)?.push(busy.longestStallMs);
      progress.at((round * engines.length + i + 1) / (rounds * engines.length));
    }
  }
  const name = 'reads during a merge';
  return [
    row({ case: name, metric: 'p99.9 while it rests', unit: 'us', better: 'lower' }, quiet),
    row({ case: name, metric: 'p99.9 while it merges', unit: 'us', better: 'lower' }, merging),
    row({ case: name, metric: 'p99.9 beside quiescent', unit: 'x', better: 'lower' }, ratio),
    // Other programs on the machine stall a resting loop as well: what the merge adds is the difference.
    row({ case: name, metric: 'longest event-loop stall at rest', unit: 'ms', better: 'lower' }, stallAtRest),
    row({ case: name, metric: 'longest event-loop stall', unit: 'ms', better: 'lower' }, stall),
  ];
}

/** Gives the merge something to do: a third of the records again. */
async function overwrite(engine: Engine, records: Records, version: number): Promise<void> {
  for (let from = 0; from < records.count; from += 3 * batchSize) {
    await engine.write(entries(records, from, Math.min(from + batchSize, records.count), version));
  }
}

/** Reads turn by turn for as long as `more` says so, at least one turn. */
async function readWhile(
  engine: Engine,
  records: Records,
  seed: number,
  more: (turn: number) => boolean,
): Promise<Reading> {
  const random = createRandom(seed);
  const times: number[] = [];
  let longestStallMs = 0;
  let left = performance.now();
  for (let turn = 0; turn === 0 || more(turn); turn++) {
    const keys = Array.from({ length: perTurn }, () => records.key(random.below(records.count)));
    left = performance.now();
    await new Promise(setImmediate);
    longestStallMs = Math.max(longestStallMs, performance.now() - left);
    for (const key of keys) {
      const start = performance.now();
      const answer = engine.get(key);
      times.push(performance.now() - start);
      if (answer < 0) throw new WrongAnswer(`${engine.name}: a key went missing during a merge`);
    }
  }
  const longestReadMs = times.reduce((longest, time) => Math.max(longest, time), 0);
  const sorted = Float64Array.from(times).sort();
  return { p999Us: quantile(sorted, 0.999) * 1000, longestStallMs: Math.max(longestStallMs, longestReadMs) };
}
