/** The durable log under faults: power loss, failed sync, damage. */
import assert from 'node:assert/strict';
import type { DurableLog } from '@varve/interfaces';
import { VarveError } from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex, rejectsCode } from '../checks.js';
import { forSeeds, type SeededRandom } from '../simulated/seeded-random.js';
import { type LogFactory, type LogPlace, withLog } from './factory.js';

const powerCuts = 40;
const flips = 60;

/** What was asked of a log and what it promised, over all its lives. */
interface History {
  /** Batches by sequence - 1, as hex. */
  readonly batches: string[];
  syncedSequence: number;
  /** Every fold asked for; the last one that was acknowledged, by its position. */
  readonly folds: { readonly catalogue: string; readonly foldedSequence: number }[];
  acknowledgedFolds: number;
}

/** Random appends and folds on an open log; some are still under way when it returns. */
async function work(log: DurableLog, history: History, random: SeededRandom): Promise<void> {
  const calls: Promise<unknown>[] = [];
  for (let step = 0; step < 20; step += 1) {
    if (random.oneIn(8)) calls.push(fold(log, history, random));
    else calls.push(append(log, history, random));
    if (random.oneIn(3)) await Promise.all(calls);
  }
  if (random.oneIn(2)) await Promise.all(calls);
  // What is left fails when the power goes; that is no news.
  for (const call of calls) call.catch(() => undefined);
}

async function append(log: DurableLog, history: History, random: SeededRandom): Promise<void> {
  const batch = random.bytes(random.below(random.pick([10, 600, 9_000])));
  const sequence = history.batches.push(hex(batch));
  const reached = await log.append({ sequence, batch }, random.pick(['synced', 'fast']));
  if (reached === 'synced') history.syncedSequence = Math.max(history.syncedSequence, sequence);
}

async function fold(log: DurableLog, history: History, random: SeededRandom): Promise<void> {
  const catalogue = random.bytes(1 + random.below(200));
  const earliest = history.folds.at(-1)?.foldedSequence ?? 0;
  const foldedSequence = earliest + random.below(history.batches.length - earliest + 1);
  const count = history.folds.push({ catalogue: hex(catalogue), foldedSequence });
  await log.fold(catalogue, foldedSequence);
  history.acknowledgedFolds = Math.max(history.acknowledgedFolds, count);
}

/** The log holds everything promised, in order and unchanged; `history` is cut back to what it holds. */
async function check(log: DurableLog, history: History): Promise<void> {
  const stored = log.catalogue();
  const candidates = history.folds.slice(Math.max(0, history.acknowledgedFolds - 1));
  const isFirst = stored === undefined && history.acknowledgedFolds === 0;
  const live = isFirst
    ? undefined
    : candidates.find(({ catalogue }) => catalogue === hex(stored ?? new Uint8Array()));
  assert.ok(isFirst || live !== undefined, 'the catalogue is the last one acknowledged, or one under way');
  let last = live?.foldedSequence ?? 0;
  for await (const { sequence, batch } of log.replay()) {
    assert.equal(sequence, last + 1, 'commits replay without gaps after the folded ones');
    assert.equal(hex(batch), history.batches[sequence - 1], `commit ${sequence} is unchanged`);
    last = sequence;
  }
  assert.ok(
    last >= history.syncedSequence,
    `lost ${last + 1} to ${history.syncedSequence}, which were synced`,
  );
  history.batches.length = last;
  history.syncedSequence = last;
  history.folds.splice(0, history.folds.length, ...(live === undefined ? [] : [live]));
  history.acknowledgedFolds = history.folds.length;
}

const empty = (): History => ({ batches: [], syncedSequence: 0, folds: [], acknowledgedFolds: 0 });

/** The fault that a place brings about; undefined when its factory says that it cannot, which is then asserted. */
function faultOf<Name extends keyof LogFactory['supports']>(
  factory: LogFactory,
  place: LogPlace,
  name: Name,
): LogPlace[Name] {
  assert.equal(typeof place[name], factory.supports[name] ? 'function' : 'undefined', `supports.${name}`);
  return place[name];
}

export const logFaultCases: readonly Case<LogFactory>[] = [
  {
    name: `what was synced survives ${powerCuts} power cuts, and what is left has no gap`,
    run: (factory) =>
      forSeeds(powerCuts / 4, async (random) => {
        const place = await factory.place();
        if (faultOf(factory, place, 'losePower') === undefined) return;
        const history = empty();
        for (let life = 0; life < 4; life += 1) {
          const log = place.create();
          await log.open();
          await check(log, history);
          await work(log, history, random);
          await place.losePower?.(random);
        }
        await withLog(place, (log) => check(log, history));
      }),
  },
  {
    name: 'after a failed sync every write is refused, and a new start has everything that was synced',
    run: (factory) =>
      forSeeds(10, async (random) => {
        const place = await factory.place();
        if (faultOf(factory, place, 'failSync') === undefined) return;
        const history = empty();
        const log = place.create();
        await log.open();
        for (let count = random.below(10); count > 0; count -= 1) await append(log, history, random);
        place.failSync?.();
        const { length } = history.batches;
        const refused = { sequence: length + 1, batch: Uint8Array.of(1) };
        await assert.rejects(log.append(refused, 'synced'), (error) => error instanceof VarveError);
        history.batches.push(hex(refused.batch));
        for (const sequence of [length + 1, length + 2]) {
          await rejectsCode('STORE_POISONED', () =>
            log.append({ sequence, batch: Uint8Array.of(1) }, 'fast'),
          );
        }
        await rejectsCode('STORE_POISONED', () => log.fold(Uint8Array.of(1), length));
        await log.close();
        await withLog(place, (again) => check(again, history));
      }),
  },
  {
    name: `${flips} flipped bits: each is reported, or changes nothing`,
    run: (factory) =>
      forSeeds(flips, async (random) => {
        const place = await factory.place();
        if (faultOf(factory, place, 'flipBit') === undefined) return;
        const history = empty();
        await withLog(place, async (log) => {
          for (let count = 3 + random.below(10); count > 0; count -= 1) await append(log, history, random);
          if (random.oneIn(2)) await fold(log, history, random);
        });
        history.syncedSequence = history.batches.length;
        const where = await place.flipBit?.(random);
        try {
          await withLog(place, (log) => check(log, history));
        } catch (error) {
          const isReport =
            error instanceof VarveError && /^STORE_(?:DAMAGED|FOREIGN|NEWER_FORMAT)$/.test(error.code);
          if (!isReport)
            throw new Error(`silent after a flip at ${where}: ${String(error)}`, { cause: error });
        }
      }),
  },
];
