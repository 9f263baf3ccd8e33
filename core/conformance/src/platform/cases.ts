/** The suite of the platform: clock, random source, disk, memory. */
import assert from 'node:assert/strict';
import { type Disk, memoryPressureFrom, type Platform } from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex, rejectsCode, throwsCode, utf8 } from '../checks.js';
import { forSeeds, type SeededRandom } from '../simulated/seeded-random.js';

/** A platform, and what a test needs around it. */
export interface PlatformUnderTest {
  readonly platform: Platform;
  /** A folder on its disk that does not exist yet; whoever made it cleans up. */
  readonly folder: string;
  /** Lets time pass, and runs what falls due. */
  readonly wait: (ms: number) => Promise<void>;
  /** The power goes. @returns the disk as the next start finds it */
  losePower?(random: SeededRandom): Promise<Disk>;
}

/** Makes platforms, and says which faults it can bring about. */
export interface PlatformFactory {
  /** A case asserts that what is false here is indeed missing. */
  readonly supports: { readonly losePower: boolean };
  /** A platform of its own, with an empty disk. */
  create(): Promise<PlatformUnderTest>;
}

const ample = { byteCountMax: 1 << 24 };

const clockCases: readonly Case<PlatformFactory>[] = [
  {
    name: 'monotonic time goes on with waiting and never falls',
    run: async (factory) => {
      const { platform, wait } = await factory.create();
      let last = platform.clock.monotonicMs();
      for (let turn = 0; turn < 5; turn += 1) {
        await wait(4);
        const now = platform.clock.monotonicMs();
        assert.ok(now - last >= 3, `${now} follows ${last}`);
        last = now;
      }
      assert.ok(platform.clock.wallMs() > Date.UTC(2020, 0, 1), 'a time of day since the epoch');
    },
  },
  {
    name: 'a task runs once, later, and not before its delay',
    run: async (factory) => {
      const { platform, wait } = await factory.create();
      const startedMs = platform.clock.monotonicMs();
      const ranAtMs = new Map<number, number[]>();
      for (const delayMs of [40, 10, 0]) {
        platform.clock.after(delayMs, () => {
          ranAtMs.set(delayMs, [...(ranAtMs.get(delayMs) ?? []), platform.clock.monotonicMs() - startedMs]);
        });
      }
      assert.equal(ranAtMs.size, 0, 'never inside the call');
      await wait(200);
      for (const delayMs of [0, 10, 40]) {
        const [atMs = -1, ...more] = ranAtMs.get(delayMs) ?? [];
        assert.equal(more.length, 0, 'once');
        assert.ok(atMs >= delayMs, `${delayMs} ms ran at ${atMs}`);
      }
    },
  },
  {
    name: 'a cancelled task does not run; cancelling again, or too late, does nothing',
    run: async (factory) => {
      const { platform, wait } = await factory.create();
      let count = 0;
      const task = (): void => {
        count += 1;
      };
      const cancel = platform.clock.after(5, task);
      cancel();
      cancel();
      const tooLate = platform.clock.after(1, task);
      await wait(60);
      tooLate();
      assert.equal(count, 1);
    },
  },
  {
    name: 'a delay outside 0..2^31-1 is refused',
    run: async (factory) => {
      const { platform } = await factory.create();
      for (const delayMs of [-1, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY]) {
        throwsCode('ARGUMENT_INVALID', () => platform.clock.after(delayMs, () => {}), `${delayMs}`);
      }
    },
  },
];

const randomCases: readonly Case<PlatformFactory>[] = [
  {
    name: 'random numbers fill their range evenly',
    run: async (factory) => {
      const { random } = (await factory.create()).platform;
      const buckets = Array.from({ length: 16 }, () => 0);
      for (let draw = 0; draw < 16_000; draw += 1) {
        const value = random.uint32();
        assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 32, `${value}`);
        const bucket = Math.floor(value / 2 ** 28);
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
      // 1,000 expected; 8 standard deviations are 245: a sound source fails once in 10^14.
      assert.ok(
        buckets.every((count) => Math.abs(count - 1_000) < 245),
        buckets.join(),
      );
    },
  },
  {
    name: 'fill fills all of the array and nothing else',
    run: async (factory) => {
      const { random } = (await factory.create()).platform;
      for (const length of [0, 1, 3, 64, 70_000]) {
        const memory = new Uint8Array(length + 16);
        random.fill(memory.subarray(8, 8 + length));
        assert.equal(hex(memory.subarray(0, 8)) + hex(memory.subarray(8 + length)), '00'.repeat(16));
        const zeros = memory.subarray(8, 8 + length).filter((byte) => byte === 0).length;
        assert.ok(zeros <= 2 + length / 64, `${zeros} zeros in ${length} bytes`);
      }
    },
  },
];

const diskCases: readonly Case<PlatformFactory>[] = [
  {
    name: 'what is written is read back, whole and as a copy',
    run: async (factory) => {
      const { platform, folder } = await factory.create();
      const { disk, random } = platform;
      assert.equal(await disk.read(`${folder}/none`, ample), undefined);
      for (const length of [0, 1, 5_000, 1 << 20]) {
        const bytes = new Uint8Array(length);
        random.fill(bytes);
        const expected = hex(bytes);
        await disk.replace(`${folder}/deep/file`, bytes);
        bytes.fill(0);
        const found = await disk.read(`${folder}/deep/file`, ample);
        assert.equal(hex(found ?? utf8('missing')), expected);
        found?.fill(0);
        assert.equal(hex((await disk.read(`${folder}/deep/file`, ample)) ?? utf8('missing')), expected);
      }
    },
  },
  {
    name: 'append adds to the end and creates file and folders',
    run: async (factory) => {
      const { platform, folder } = await factory.create();
      for (const text of ['one', '', ' two', ' three']) {
        await platform.disk.append(`${folder}/a/b/file`, utf8(text));
      }
      await platform.disk.sync(`${folder}/a/b/file`);
      const found = await platform.disk.read(`${folder}/a/b/file`, ample);
      assert.equal(Buffer.from(found ?? []).toString(), 'one two three');
      await platform.disk.replace(`${folder}/a/b/file`, utf8('new'));
      await platform.disk.append(`${folder}/a/b/file`, utf8('er'));
      assert.equal(
        Buffer.from((await platform.disk.read(`${folder}/a/b/file`, ample)) ?? []).toString(),
        'newer',
      );
    },
  },
  {
    name: 'a file over the limit of a read is refused, one at the limit is not',
    run: async (factory) => {
      const { platform, folder } = await factory.create();
      await platform.disk.replace(`${folder}/file`, new Uint8Array(1_000));
      const read = (byteCountMax: number) => platform.disk.read(`${folder}/file`, { byteCountMax });
      assert.equal((await read(1_000))?.length, 1_000);
      await rejectsCode('LIMIT_EXCEEDED', () => read(999));
    },
  },
  {
    name: 'a missing file cannot be synced, but is removed already',
    run: async (factory) => {
      const { platform, folder } = await factory.create();
      await rejectsCode('STORE_IO', () => platform.disk.sync(`${folder}/none`));
      await platform.disk.remove(`${folder}/none`);
      await platform.disk.replace(`${folder}/file`, utf8('x'));
      await platform.disk.remove(`${folder}/file`);
      assert.equal(await platform.disk.read(`${folder}/file`, ample), undefined);
    },
  },
  {
    name: 'a folder lists its own files, in order',
    run: async (factory) => {
      const { platform, folder } = await factory.create();
      assert.deepEqual(await platform.disk.list(folder), []);
      for (const name of ['b', 'a10', 'a9', 'B', 'deep/c', 'é']) {
        await platform.disk.replace(`${folder}/${name}`, utf8(name));
      }
      assert.deepEqual(await platform.disk.list(folder), ['B', 'a10', 'a9', 'b', 'é']);
      assert.deepEqual(await platform.disk.list(`${folder}/deep`), ['c']);
    },
  },
  {
    name: 'replaces under way together leave one whole content',
    run: async (factory) => {
      const { platform, folder } = await factory.create();
      await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          platform.disk.replace(`${folder}/file`, new Uint8Array(4_000 + at).fill(at)),
        ),
      );
      const found = (await platform.disk.read(`${folder}/file`, ample)) ?? new Uint8Array();
      assert.ok(found.length >= 4_000 && found.every((byte) => byte === found.length - 4_000));
      assert.deepEqual(await platform.disk.list(folder), ['file'], 'nothing is left over');
    },
  },
  {
    name: 'what was synced or replaced survives power loss',
    run: (factory) =>
      forSeeds(25, async (random) => {
        const subject = await factory.create();
        assert.equal(typeof subject.losePower, factory.supports.losePower ? 'function' : 'undefined');
        if (subject.losePower === undefined) return;
        const { platform, folder } = subject;
        let [appended, synced, replaced] = ['', '', ''];
        for (let step = random.below(20); step > 0; step -= 1) {
          const bytes = random.bytes(random.below(1_500));
          if (random.oneIn(3)) {
            await platform.disk.replace(`${folder}/replaced`, bytes);
            replaced = hex(bytes);
          } else {
            await platform.disk.append(`${folder}/appended`, bytes);
            appended += hex(bytes);
          }
          if (random.oneIn(3) && appended !== '') {
            await platform.disk.sync(`${folder}/appended`);
            synced = appended;
          }
        }
        const disk = await subject.losePower(random);
        const log = hex((await disk.read(`${folder}/appended`, ample)) ?? new Uint8Array());
        assert.ok(log.startsWith(synced), 'what was synced is there, unchanged');
        assert.ok(log.length <= appended.length);
        assert.equal(hex((await disk.read(`${folder}/replaced`, ample)) ?? new Uint8Array()), replaced);
      }),
  },
];

const memoryCases: readonly Case<PlatformFactory>[] = [
  {
    name: 'memory has a limit, and pressure follows from what is used of it',
    run: async (factory) => {
      const { memory } = (await factory.create()).platform;
      const [limitBytes, usedBytes] = [memory.limitBytes(), memory.usedBytes()];
      assert.ok(Number.isSafeInteger(limitBytes) && limitBytes > 0, `limit ${limitBytes}`);
      assert.ok(Number.isSafeInteger(usedBytes) && usedBytes > 0, `used ${usedBytes}`);
      const share = usedBytes / limitBytes;
      // Near a threshold the process may cross it between the two readings.
      const isNear = Object.values(memoryPressureFrom).some((from) => Math.abs(share - from) < 0.02);
      const { high, critical } = memoryPressureFrom;
      const expected = share >= critical ? 'critical' : share >= high ? 'high' : 'low';
      assert.ok(isNear || memory.pressure() === expected, `${memory.pressure()} at ${share}`);
    },
  },
];

/** Every promise of `Platform`. */
export const platformCases: readonly Case<PlatformFactory>[] = [
  ...clockCases,
  ...randomCases,
  ...diskCases,
  ...memoryCases,
];
