/** Random histories against the reference store: after every step both must answer alike. */
import assert from 'node:assert/strict';
import {
  createPacked,
  type PackedKey,
  type PackedOperation,
  type PackedRange,
  type StoreSnapshot,
} from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex } from '../checks.js';
import { ReferencePlace, ReferenceStore } from '../reference/key-value-store.js';
import { forSeeds, type SeededRandom } from '../simulated/seeded-random.js';
import type { StoreFactory, StoreUnderTest } from './factory.js';
import { read, readMany, scan } from './reading.js';

const runs = 12;
const steps = 60;

/** The subject, the oracle, and pairs of snapshots of one moment. */
interface Pair {
  subject: StoreUnderTest;
  readonly oracle: ReferenceStore;
  readonly views: { readonly ofSubject: StoreSnapshot; readonly ofOracle: StoreSnapshot }[];
}

/** A few hundred keys in all, so that histories overwrite, delete and hit; integers, prefixes and long ones. */
function drawKey(random: SeededRandom): PackedKey {
  const kind = random.below(10);
  if (kind === 0) return new Uint8Array(random.below(4)).fill(random.pick([0, 0x61, 0xff]));
  if (kind === 1) return new Uint8Array(100 + random.below(3) * 200).fill(random.below(4));
  if (kind < 5) return random.below(150);
  return Buffer.from(`user:${random.below(40)}:field:${random.below(4)}`);
}

function drawOperations(random: SeededRandom): readonly PackedOperation[] {
  return Array.from({ length: 1 + random.below(random.pick([2, 40])) }, () => {
    const key = drawKey(random);
    return random.oneIn(4)
      ? { type: 'del', key }
      : { type: 'put', key, value: random.bytes(random.below(random.pick([8, 60, 3_000]))) };
  });
}

function drawRange(random: SeededRandom): PackedRange {
  return {
    ...(random.oneIn(2) && { [random.pick(['gt', 'gte'])]: drawKey(random) }),
    ...(random.oneIn(2) && { [random.pick(['lt', 'lte'])]: drawKey(random) }),
    reverse: random.oneIn(2),
    ...(random.oneIn(2) && { limit: random.below(30) }),
    fields: random.pick(['keys', 'values', 'both'] as const),
  };
}

async function change(pair: Pair, random: SeededRandom, place: string, factory: StoreFactory): Promise<void> {
  const { subject, oracle, views } = pair;
  const kind = random.below(20);
  if (kind === 0) await Promise.all([subject.flush(), oracle.flush()]);
  else if (kind === 1) await Promise.all([subject.compact(), oracle.compact()]);
  else if (kind === 2) views.push({ ofSubject: subject.snapshot(), ofOracle: oracle.snapshot() });
  else if (kind === 3) {
    const view = views.shift();
    await view?.ofSubject.close();
    await view?.ofOracle.close();
  } else if (kind === 4) {
    for (const { ofSubject } of views.splice(0)) await ofSubject.close();
    await subject.close();
    pair.subject = factory.create(place);
    await pair.subject.open();
  } else {
    const operations = drawOperations(random);
    const durability = random.pick(['synced', 'fast'] as const);
    const [acknowledged, expected] = await Promise.all([
      subject.commit(operations, { durability }),
      oracle.commit(operations, { durability }),
    ]);
    assert.equal(acknowledged.sequence, expected.sequence);
    if (durability === 'synced') assert.equal(acknowledged.durability, 'synced');
  }
}

function compare({ subject, oracle, views }: Pair, random: SeededRandom): void {
  const view = random.oneIn(2) && views.length > 0 ? random.pick(views) : undefined;
  const ofSubject = view === undefined ? {} : { snapshot: view.ofSubject };
  const ofOracle = view === undefined ? {} : { snapshot: view.ofOracle };
  const drawn = Array.from({ length: 12 }, () => drawKey(random));
  for (const key of drawn) {
    const what = `getInto ${key instanceof Uint8Array ? hex(key) : key}`;
    assert.equal(read(subject, key, ofSubject), read(oracle, key, ofOracle), what);
  }
  const keys = drawn.filter((key) => key instanceof Uint8Array);
  const byteCount = random.below(5_000);
  assert.deepEqual(
    readMany(subject, keys, { byteCount, ...ofSubject }),
    readMany(oracle, keys, { byteCount: 64_000, ...ofOracle }),
    'getManyPacked',
  );
  const range = drawRange(random);
  const size = { byteCount: random.below(8_000), endCount: 2 + random.below(60) };
  assert.deepEqual(
    scan(subject, range, { ...size, ...ofSubject }),
    scan(oracle, range, { byteCount: 64_000, endCount: 600, ...ofOracle }),
    `scan ${JSON.stringify(range, (_, value: unknown) => (value instanceof Uint8Array ? hex(value) : value))}`,
  );
}

export const historyCases: readonly Case<StoreFactory>[] = [
  {
    name: `${runs} random histories of ${steps} steps answer as a sorted map does`,
    run: (factory) =>
      forSeeds(runs, async (random) => {
        const place = await factory.place();
        const oracle = new ReferenceStore(new ReferencePlace());
        const pair: Pair = { subject: factory.create(place), oracle, views: [] };
        await Promise.all([pair.subject.open(), oracle.open()]);
        try {
          for (let step = 0; step < steps; step += 1) {
            await change(pair, random, place, factory);
            compare(pair, random);
          }
          assert.deepEqual((await pair.subject.verify()).damage, []);
          const all = { byteCount: 64_000, endCount: 2_000 };
          assert.deepEqual(scan(pair.subject, {}, all), scan(oracle, {}, all));
        } finally {
          await pair.subject.close();
        }
      }),
  },
  {
    name: 'reads during background work see whole commits',
    run: (factory) =>
      forSeeds(2, async (random) => {
        const store = factory.create(await factory.place());
        await store.open();
        try {
          const keys = Array.from({ length: 64 }, (_, at) => at * 1_000 + random.below(1_000));
          const out = createPacked({ byteCount: 4_096, endCount: 64 });
          const background: Promise<unknown>[] = [];
          for (let round = 1; round <= 40; round += 1) {
            const value = new Uint8Array(16).fill(round);
            await store.commit(
              keys.map((key) => ({ type: 'put', key, value })),
              { durability: 'fast' },
            );
            if (round % 4 === 0) background.push(store.flush());
            if (round % 13 === 0) background.push(store.compact());
            store.getManyPacked(BigUint64Array.from(keys, BigInt), undefined, out);
            assert.deepEqual([out.count, out.found], [64, 64]);
            assert.ok(
              out.bytes.subarray(0, out.byteCount).every((byte) => byte === round),
              `all of commit ${round} and nothing else`,
            );
          }
          await Promise.all(background);
        } finally {
          await store.close();
        }
      }),
  },
];
