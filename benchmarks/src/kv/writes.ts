/** Cases `unsynced batches of 1,000` and `synced puts, 100 in flight`, each round into fresh stores. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Digest } from '../digest.js';
import type { Case, Context } from '../result.js';
import { interleave, mustAgree, row } from '../rounds.js';
import type { Engine, EngineKind, Entry } from './engine.js';
import { entries, load } from './load.js';
import { createRecords } from './records.js';
import type { Sizes } from './sizes.js';

const inFlight = 100;
/** An engine that syncs each put by itself would need minutes for what others do in a second. */
const syncedMsMax = 5000;

export function unsyncedBatches(
  kinds: readonly EngineKind[],
  { written, rounds }: Pick<Sizes, 'written' | 'rounds'>,
  context: Context,
): Promise<Case> {
  const records = createRecords({ count: written, seed: context.seed });
  const list = entries(records, 0, written);
  return onFreshStores(kinds, Math.min(rounds, 3), 'unsynced batches of 1,000', context, {
    list,
    write: async (engine) => ({ count: written, elapsedMs: await load(engine, records) }),
  });
}

export function syncedPuts(
  kinds: readonly EngineKind[],
  { synced, rounds }: Pick<Sizes, 'synced' | 'rounds'>,
  context: Context,
): Promise<Case> {
  const list = entries(createRecords({ count: synced, seed: context.seed }), 0, synced);
  return onFreshStores(kinds, Math.min(rounds, 5), 'synced puts, 100 in flight', context, {
    list,
    write: (engine) => putWithInFlight(engine, list),
  });
}

interface Written {
  /** Entries of the list that were written, from its start. */
  readonly count: number;
  readonly elapsedMs: number;
}

/** 100 writers, each waiting for its own acknowledgement before it puts its next record. */
async function putWithInFlight(engine: Engine, list: readonly Entry[]): Promise<Written> {
  const start = performance.now();
  let count = 0;
  const writer = async (): Promise<void> => {
    while (count < list.length && performance.now() - start < syncedMsMax) {
      const entry = list[count++];
      if (entry !== undefined) await engine.putSynced(entry.key, entry.value);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, writer));
  return { count, elapsedMs: performance.now() - start };
}

interface Work {
  readonly list: readonly Entry[];
  readonly write: (engine: Engine) => Promise<Written>;
}

async function onFreshStores(
  kinds: readonly EngineKind[],
  rounds: number,
  what: string,
  { folder, progress }: Context,
  { list, write }: Work,
): Promise<Case> {
  progress.step(what);
  let done = 0;
  const samples = await interleave(kinds, rounds, async (kind) => {
    const engine = await kind.open(join(folder, 'fresh'));
    const { count, elapsedMs } = await write(engine);
    await mustHold(engine, list.slice(0, count), what);
    await engine.close();
    rmSync(engine.folder, { recursive: true });
    progress.at(++done / (rounds * kinds.length));
    return (count / elapsedMs) * 1000;
  });
  return row({ case: what, metric: 'records per second', unit: '1/s', better: 'higher' }, samples);
}

/** Reads everything back and compares it with what was written. */
async function mustHold(engine: Engine, written: readonly Entry[], what: string): Promise<void> {
  const expected = new Digest();
  for (const { value } of written) expected.add(value, 0, value.length);
  const answers = new Digest();
  await engine.preparePoints(written.map(({ key }) => key))(answers);
  const digests: (readonly [string, string])[] = [
    ['the data', expected.toString()],
    [engine.name, answers.toString()],
  ];
  mustAgree(what, new Map(digests));
}
