import { createSimulatedPlatform, type PlatformFactory, platformCases } from '@varve/conformance';
import type { Platform } from '@varve/interfaces';
import { describe, expect, it } from 'vitest';

/** Simulated platforms, each changed by `spoil`. */
function simulated(spoil: (platform: Platform) => Partial<Platform> = () => ({})): PlatformFactory {
  return {
    supports: { losePower: true },
    async create() {
      const platform = createSimulatedPlatform({ seed: 7 });
      return {
        platform: { ...platform, ...spoil(platform) },
        folder: 'folder',
        wait: async (ms) => platform.clock.advance(ms),
        losePower: async (random) => platform.disk.losePower(random),
      };
    },
  };
}

describe('the simulated platform', () => {
  for (const { name, run } of platformCases) it(name, () => run(simulated()));
});

/** What is broken, how, and words of the case that must notice. */
const faults: readonly (readonly [string, (platform: Platform) => Partial<Platform>, RegExp])[] = [
  [
    'time stands still',
    ({ clock }) => ({ clock: { wallMs: () => clock.wallMs(), monotonicMs: () => 0, after: () => () => {} } }),
    /never falls/,
  ],
  [
    'a task runs inside the call',
    ({ clock }) => ({
      clock: {
        wallMs: () => clock.wallMs(),
        monotonicMs: () => clock.monotonicMs(),
        after(_, task) {
          task();
          return () => {};
        },
      },
    }),
    /once, later/,
  ],
  ['random numbers are all small', () => ({ random: { uint32: () => 5, fill: () => {} } }), /evenly/],
  [
    'fill stops short',
    ({ random }) => ({
      random: { uint32: () => random.uint32(), fill: (bytes) => random.fill(bytes.subarray(0, -20)) },
    }),
    /fills all/,
  ],
  [
    'pressure is always low',
    ({ memory }) => ({
      memory: { limitBytes: () => memory.limitBytes(), usedBytes: () => 63 << 20, pressure: () => 'low' },
    }),
    /pressure/,
  ],
  [
    'syncs are skipped',
    ({ disk }) => ({ disk: Object.assign(disk, { sync: async () => {} }) }),
    /survives power/,
  ],
  [
    'replace only appends',
    ({ disk }) => {
      const append = disk.append.bind(disk);
      return { disk: Object.assign(disk, { replace: append }) };
    },
    /whole and as a copy/,
  ],
  [
    'reads have no limit',
    ({ disk }) => {
      const read = disk.read.bind(disk);
      return { disk: Object.assign(disk, { read: (path: string) => read(path, { byteCountMax: 1e9 }) }) };
    },
    /over the limit/,
  ],
];

describe('a planted fault', () => {
  it.each(faults)('is noticed: %s', async (_, spoil, noticedBy) => {
    const named = platformCases.filter(({ name }) => noticedBy.test(name));
    expect(named).toHaveLength(1);
    await expect(Promise.all(named.map(({ run }) => run(simulated(spoil))))).rejects.toThrow(Error);
  });
});
