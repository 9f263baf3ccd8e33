import { durableLogCases, type LogFactory, ReferenceLog, type ReferenceLogPlace } from '@varve/conformance';
import type { Disk, Durability, DurableLog, LoggedCommit } from '@varve/interfaces';
import { describe, expect, it } from 'vitest';
import { referenceLogFactory } from './reference-log.js';

describe('the reference log', () => {
  for (const { name, run } of durableLogCases) it(name, () => run(referenceLogFactory()));
});

type LogClass = new (place: ReferenceLogPlace) => DurableLog;

/** A log whose disk behaves otherwise. */
function on(change: (disk: Disk) => Partial<Disk>): LogClass {
  return class extends ReferenceLog {
    constructor(place: ReferenceLogPlace) {
      const { disk } = place;
      const whole: Disk = {
        read: (path, options) => disk.read(path, options),
        append: (path, bytes) => disk.append(path, bytes),
        sync: (path) => disk.sync(path),
        replace: (path, bytes) => disk.replace(path, bytes),
        remove: (path) => disk.remove(path),
        list: (folder) => disk.list(folder),
      };
      super({
        disk: { ...whole, ...change(disk) },
        get owner() {
          return place.owner;
        },
        set owner(owner) {
          place.owner = owner;
        },
      });
    }
  };
}

const readTail = async (disk: Disk, path: string, cut: number): Promise<Uint8Array | undefined> =>
  (await disk.read(path, { byteCountMax: 1 << 30 }))?.slice(0, cut);

/** What is broken, the broken log, and words of a case that must notice. */
const faults: readonly (readonly [string, LogClass, RegExp])[] = [
  ['syncs are skipped', on(() => ({ sync: async () => {} })), /power cuts/],
  [
    'a failed sync is swallowed',
    on((disk) => ({ sync: (path) => disk.sync(path).catch(() => {}) })),
    /failed sync/,
  ],
  [
    'the mark is never written, so that a damaged tail looks torn',
    on((disk) => ({
      replace: async (path, bytes) => (path === 'mark' ? undefined : disk.replace(path, bytes)),
    })),
    /flipped bits/,
  ],
  [
    'the log is cut when read',
    on((disk) => ({ read: (path) => readTail(disk, path, 5_000) })),
    /byte for byte/,
  ],
  [
    'the catalogue is appended to',
    on((disk) => ({
      replace: (path, bytes) => (path === 'catalogue' ? disk.append(path, bytes) : disk.replace(path, bytes)),
    })),
    /without dropping anything/,
  ],
  [
    'a fold drops one commit too many',
    class extends ReferenceLog {
      override fold(catalogue: Uint8Array, foldedSequence: number): Promise<void> {
        return super.fold(catalogue, foldedSequence + 1);
      }
    },
    /drops what is folded/,
  ],
  [
    'the catalogue is forgotten',
    class extends ReferenceLog {
      override catalogue(): undefined {
        super.catalogue();
      }
    },
    /drops what is folded/,
  ],
  [
    'commits replay newest first',
    class extends ReferenceLog {
      override async *replay(): AsyncIterable<LoggedCommit> {
        const commits: LoggedCommit[] = [];
        for await (const commit of super.replay()) commits.push(commit);
        yield* commits.toReversed();
      }
    },
    /in order, byte for byte/,
  ],
  [
    'claims synced for fast, and the other way round',
    class extends ReferenceLog {
      override append(commit: LoggedCommit, durability: Durability): Promise<Durability> {
        return super.append(commit, durability === 'synced' ? 'fast' : 'synced');
      }
    },
    /says so/,
  ],
  [
    'gaps are let in',
    class extends ReferenceLog {
      override append(commit: LoggedCommit, durability: Durability): Promise<Durability> {
        return super.append(commit, durability).catch(() => durability);
      }
    },
    /does not follow/,
  ],
];

describe('a planted fault', () => {
  it.each(faults)('is noticed: %s', async (_, Log, noticedBy) => {
    const named = durableLogCases.filter(({ name }) => noticedBy.test(name));
    expect(named).toHaveLength(1);
    await expect(Promise.all(named.map(({ run }) => run(referenceLogFactory(Log))))).rejects.toThrow(Error);
  });
});

describe('a factory that says it cannot bring a fault about', () => {
  const able = referenceLogFactory();
  const unable: LogFactory = {
    supports: { losePower: false, failSync: false, flipBit: false },
    async place() {
      const place = await able.place();
      return { create: () => place.create() };
    },
  };

  for (const { name, run } of durableLogCases) it(`has its word checked: ${name}`, () => run(unable));

  it('is caught when it can after all', async () => {
    const modest: LogFactory = { ...able, supports: unable.supports };
    for (const words of ['power cuts', 'failed sync', 'flipped bits']) {
      const found = durableLogCases.find(({ name }) => name.includes(words));
      await expect(found?.run(modest)).rejects.toThrow('supports');
    }
  });
});
