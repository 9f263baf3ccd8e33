/** Cases `unsynced batches of 1,000` and `synced puts, 100 in flight`, each round into fresh stores. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Digest } from '../digest.js';
import type { Case, Context } from '../result.js';
import { interleave, mustAgree, row, timeMs } from '../rounds.js';
import type { Engine, EngineKind, Entry } from './engine.js';
import { entries, load } from './load.js';
import { createRecords } from './records.js';
import type { Sizes } from './sizes.js';

const inFlight = 100;

export async function unsyncedBatches(
  kinds: readonly EngineKind[],
  { written, rounds }: Sizes,
  context: Context,
): Promise<Case> {
  const records = createRecords({ count: written, seed: context.seed });
  const samples = await onFreshStores(kinds, Math.min(rounds, 3), 'unsynced batches of 1,000', context, {
    write: (engine) => load(engine, records),
    count: written,
  });
  const head = {
    case: 'unsynced batches of 1,000',
    metric: 'records per second',
    unit: '1/s',
    better: 'higher',
  } as const;
  return row(head, samples);
}

export async function syncedPuts(
  kinds: readonly EngineKind[],
  { synced, rounds }: Sizes,
  context: Context,
): Promise<Case> {
  const records = createRecords({ count: synced, seed: context.seed });
  const list = entries(records, 0, synced);
  const samples = await onFreshStores(kinds, Math.min(rounds, 5), 'synced puts, 100 in flight', context, {
    write: (engine) => timeMs(() => putWithInFlight(engine, list)),
    count: synced,
  });
  const head = {
    case: 'synced puts, 100 in flight',
    metric: 'records per second',
    unit: '1/s',
    better: 'higher',
  } as const;
  return row(head, samples);
}

/** 100 writers, each waiting for its own acknowledgement before it puts its next record. */
async function putWithInFlight(engine: Engine, list: readonly Entry[]): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let entry = list[next++]; entry !== undefined; entry = list[next++]) {
      await engine.putSynced(entry.key, entry.value);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, writer));
}

interface Work {
  /** @returns milliseconds */
  readonly write: (engine: Engine) => Promise<number>;
  /** Records written. */
  readonly count: number;
}

async function onFreshStores(
  kinds: readonly EngineKind[],
  rounds: number,
  what: string,
  { folder, progress }: Context,
  { write, count }: Work,
): Promise<ReadonlyMap<string, readonly number[]>> {
  progress.step(what);
  let done = 0;
  let expected: string | undefined;
  return await interleave(kinds, rounds, async (kind) => {
    const place = join(folder, 'fresh');
    const engine = await kind.open(place);
    const elapsedMs = await write(engine);
    const answers = new Digest();
    await engine.prepareScan()(answers);
    expected ??= answers.toString();
    mustAgree(
      what,
      new Map([
        ['the first engine', expected],
        [kind.name, answers.toString()],
      ]),
    );
    await engine.close();
    rmSync(place, { recursive: true });
    progress.at(++done / (rounds * kinds.length));
    return (count / elapsedMs) * 1000;
  });
}
