/** Repair of stores whose log is on LevelDB: each damage by its name, then a torture that draws them. */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@varve/conformance';
import type { RepairReport } from '@varve/interfaces';
import { LevelLog, repairStore, VarveStore } from '@varve/kv';
import { ClassicLevel } from 'classic-level';
import { beforeAll, describe, expect, it } from 'vitest';
import { HighWaterMark } from '../src/log/high-water-mark.js';
import { repairTorture } from './level/repair-torture.js';
import { bytes, freshLocation, text } from './temporary.js';

const options = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/** Commits that the sample holds in its segment, and in all; key `i` is written by commit `i` alone. */
const folded = 40;
const commits = 60;
const keyOf = (commit: number): Uint8Array => bytes(`key ${String(commit).padStart(2, '0')}`);
const valueOf = (commit: number): string => `value ${commit} `.repeat(60);

/** A store that was closed in order; its log is in LevelDB's log file, or, once reopened, in a table. */
const samples = { closed: '', reopened: '' };

beforeAll(async () => {
  samples.closed = freshLocation();
  const db = new VarveStore<Uint8Array, Uint8Array>(samples.closed, { ...options, log: 'level' });
  for (let commit = 1; commit <= commits; commit += 1) {
    await db.put(keyOf(commit), bytes(valueOf(commit)));
    if (commit === folded) await db.flush();
  }
  await db.close();
  samples.reopened = freshLocation();
  cpSync(samples.closed, samples.reopened, { recursive: true });
  const again = new VarveStore(samples.reopened, options);
  await again.open();
  await again.close();
});

function copyOf(sample: string): string {
  const location = freshLocation();
  cpSync(sample, location, { recursive: true });
  return location;
}

/** Commits whose keys are gone. */
async function missing(location: string): Promise<number[]> {
  const db = new VarveStore<Uint8Array, Uint8Array>(location, { ...options, createIfMissing: false });
  await db.open();
  const gone: number[] = [];
  for (let commit = 1; commit <= commits; commit += 1) {
    const value = await db.get(keyOf(commit));
    if (value === undefined) gone.push(commit);
    else expect(text(value)).toBe(valueOf(commit));
  }
  expect((await db.verify()).damage).toEqual([]);
  const { sequence } = await db.commit([{ type: 'put', key: bytes('new'), value: bytes('x') }]);
  expect(sequence).toBeGreaterThan(folded);
  await db.close();
  return gone;
}

/** Damages a copy of a sample, repairs it and compares what is gone with what the report says. */
async function check(
  sample: keyof typeof samples,
  damage: (location: string) => void | Promise<void>,
): Promise<RepairReport> {
  const location = copyOf(samples[sample]);
  await damage(location);
  const report = await repairStore(location);
  expect(report.damage).not.toEqual([]);
  const gone = await missing(location);
  const inKeys = (commit: number): boolean =>
    report.lostKeys.some(
      ([low, high]) => Buffer.compare(low, keyOf(commit)) <= 0 && Buffer.compare(keyOf(commit), high) <= 0,
    );
  const inSequences = (commit: number): boolean =>
    report.lostSequences.some(([first, last]) => first <= commit && commit <= last);
  const all = Array.from({ length: commits }, (_, at) => at + 1);
  // Every key is written by one commit: that one is gone with it. A range of keys may claim more than is gone.
  expect(gone.filter((commit) => !inKeys(commit))).toEqual(all.filter(inSequences));
  expect(readdirSync(location).filter((name) => name.startsWith('log.'))).toEqual([]);
  expect(await repairStore(location)).toMatchObject({ damage: [], lostSequences: [], lostKeys: [] });
  return report;
}

const log = (location: string, name = ''): string => join(location, 'log', name);
const records = (location: string): string[] =>
  readdirSync(log(location))
    .filter((name) => /^\d+\.(?:log|ldb)$/.test(name))
    .map((name) => log(location, name));
const segments = (location: string): string[] =>
  readdirSync(location)
    .filter((name) => name.endsWith('.vseg'))
    .map((name) => join(location, name));
const remove = (path: string): void => rmSync(path, { recursive: true });

/** Changes bytes of the files of `folder` that contain `what`, `behind` bytes from where it begins. */
function flip(folder: string, what: Uint8Array, behind: number): void {
  let places = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())) {
    const path = join(folder, entry.name);
    const file = readFileSync(path);
    for (let at = file.indexOf(what); at >= 0; at = file.indexOf(what, at + 1)) {
      file[at + behind] = (file[at + behind] ?? 0) ^ 1;
      places += 1;
    }
    writeFileSync(path, file);
  }
  expect(places).toBeGreaterThan(0);
}

/** The beginning of what a commit's record holds: the value's first bytes. */
const recordOf = (commit: number): Uint8Array => bytes(`value ${commit} value`);

describe.each(['closed', 'reopened'] as const)('a store that was %s, and lost', (sample) => {
  it.each<[string, (location: string) => void]>([
    ['its mark', (location) => remove(log(location, 'MARK'))],
    ['the content of its mark', (location) => writeFileSync(log(location, 'MARK'), Buffer.alloc(8192))],
    ['CURRENT', (location) => remove(log(location, 'CURRENT'))],
    ['what CURRENT names', (location) => writeFileSync(log(location, 'CURRENT'), 'MANIFEST-999999\n')],
    ['the text of CURRENT', (location) => writeFileSync(log(location, 'CURRENT'), 'nothing\n')],
    [
      'its mark and what CURRENT names',
      (location) => {
        remove(log(location, 'MARK'));
        writeFileSync(log(location, 'CURRENT'), 'nothing\n');
      },
    ],
    [
      'its mark and CURRENT',
      (location) => {
        remove(log(location, 'MARK'));
        remove(log(location, 'CURRENT'));
      },
    ],
    [
      'its MANIFEST',
      (location) => {
        for (const name of readdirSync(log(location))) {
          if (name.startsWith('MANIFEST')) remove(log(location, name));
        }
      },
    ],
    ['its catalogue', (location) => flip(log(location), bytes('VARVECAT'), 9)],
    ['its format', (location) => flip(log(location), bytes('VLF1'), 13)],
    [
      'the names of its records',
      (location) => {
        for (const path of records(location)) renameSync(path, `${path}.elsewhere`);
      },
    ],
  ])('%s loses nothing', async (_, damage) => {
    expect(await check(sample, damage)).toMatchObject({ lostSequences: [], lostKeys: [] });
  });

  it('one record of its log loses that commit', async () => {
    const damage = (location: string): void => flip(log(location), recordOf(50), 3);
    expect(await check(sample, damage)).toMatchObject({ lostSequences: [[50, 50]], lostKeys: [] });
  });

  it('its catalogue and a record loses that commit', async () => {
    const damage = (location: string): void => {
      flip(log(location), bytes('VARVECAT'), 9);
      flip(log(location), recordOf(50), 3);
    };
    expect(await check(sample, damage)).toMatchObject({ lostSequences: [[50, 50]], lostKeys: [] });
  });

  it('the records of its log loses those commits', async () => {
    const damage = (location: string): void => {
      for (const path of records(location)) truncateSync(path, 100);
    };
    const lostSequences = [[folded + 1, commits]];
    expect(await check(sample, damage)).toMatchObject({ lostSequences, lostKeys: [] });
  });

  it('the log as a whole keeps its segments', async () => {
    const location = copyOf(samples[sample]);
    remove(log(location));
    const report = await repairStore(location, { log: 'level' });
    expect(report).toMatchObject({ damage: [{ file: 'log' }], keptCommits: 0, keptEntries: folded });
    // Nothing is left that could tell of the commits behind the folded ones.
    expect(await missing(location)).toEqual(
      Array.from({ length: commits - folded }, (_, at) => folded + 1 + at),
    );
  });

  it('a block of its segment loses a range of keys', async () => {
    const report = await check(sample, (location) => flip(location, recordOf(20), 1));
    expect(report).toMatchObject({ lostSequences: [], keptCommits: commits - folded });
    expect(report.lostKeys).toHaveLength(1);
  });

  it('its segment loses what that held', async () => {
    const damage = (location: string): void => segments(location).forEach(remove);
    const report = await check(sample, damage);
    expect(report.lostSequences).toEqual([]);
    expect(report.lostKeys.map((range) => range.map(text))).toEqual([[keyOf(1), keyOf(folded)].map(text)]);
  });

  it('its segment and the catalogue loses the commits that it held', async () => {
    const damage = (location: string): void => {
      segments(location).forEach(remove);
      flip(log(location), bytes('VARVECAT'), 9);
    };
    const report = await check(sample, damage);
    expect(report.lostKeys).toEqual([]);
    expect(report.lostSequences.flat().every((sequence) => sequence <= folded)).toBe(true);
  });
});

/** The hash of every file below `folder`: to compare the bytes one by one took seconds. */
function contents(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}

it.each(['closed', 'reopened'] as const)('leaves a sound store alone that was %s', async (sample) => {
  const location = copyOf(samples[sample]);
  const before = contents(location);
  expect(await repairStore(location)).toEqual({
    damage: [],
    lostSequences: [],
    lostKeys: [],
    keptEntries: folded,
    keptCommits: commits - folded,
  });
  expect(contents(location)).toEqual(before);
});

// A crash while a store is created leaves less than a store; it was never in use.
it.each<[string, (log: string) => void | Promise<void>]>([
  ['a mark of zeros', (log) => writeFileSync(join(log, 'MARK'), Buffer.alloc(5000))],
  ['a mark', (log) => HighWaterMark.create(log, Buffer.alloc(16, 7)).close()],
  [
    'a mark and the beginning of a database',
    (log) => {
      HighWaterMark.create(log, Buffer.alloc(16, 7)).close();
      writeFileSync(join(log, 'LOCK'), '');
      writeFileSync(join(log, 'MANIFEST-000001'), Buffer.alloc(20, 1));
    },
  ],
  [
    'a log without a catalogue',
    async (log) => {
      const level = new LevelLog(log);
      await level.open();
      await level.close();
    },
  ],
])('takes %s for no damage', async (_, create) => {
  const location = freshLocation();
  mkdirSync(log(location), { recursive: true });
  await create(log(location));
  const before = contents(location);
  expect(await repairStore(location)).toMatchObject({ damage: [], lostSequences: [], keptCommits: 0 });
  const after = contents(location);
  after.delete(join(location, 'LOCK'));
  expect(after).toEqual(before);
  const db = new VarveStore(location, { log: 'level' });
  await db.put('key', 'value');
  await db.close();
});

it('leaves a folder alone that Varve did not write', async () => {
  const location = freshLocation();
  const other = new ClassicLevel(log(location));
  await other.put('key', 'value');
  await other.close();
  remove(log(location, 'CURRENT'));
  const before = contents(log(location));
  await expect(repairStore(location)).rejects.toMatchObject({ code: 'STORE_FOREIGN' });
  expect(contents(log(location))).toEqual(before);
});

it('does not touch a store that is open', async () => {
  const location = copyOf(samples.closed);
  const db = new VarveStore<Uint8Array, Uint8Array>(location, options);
  await db.open();
  await expect(repairStore(location)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  await db.put(bytes('key'), bytes('value'));
  await db.close();
  expect(await missing(location)).toEqual([]);
});

it('leaves everything as it was when it fails by an error that may pass', async () => {
  const location = copyOf(samples.closed);
  // Without CURRENT the damaged log is not opened; LevelDB is first needed for the new one.
  remove(log(location, 'CURRENT'));
  flip(log(location), bytes('VARVECAT'), 9);
  flip(log(location), recordOf(50), 3);
  flip(location, recordOf(20), 1);
  const before = contents(location);
  const database = ClassicLevel.prototype as unknown as { _open: (...words: never[]) => Promise<void> };
  const open = database._open;
  database._open = () => Promise.reject(new Error('IO error: LOCK: Too many open files'));
  await expect(repairStore(location)).rejects.toMatchObject({ code: 'STORE_DESCRIPTORS' });
  database._open = open;
  // Segments that the failed repair made would be taken for whole by the next one.
  expect([...contents(location)].filter(([path]) => !path.includes('log.scratch'))).toEqual([...before]);
  const report = await repairStore(location);
  expect(report).toMatchObject({ lostSequences: [[50, 50]], lostKeys: [expect.anything()] });
  expect(await missing(location)).toContain(50);
});

describe('a repair that was interrupted', () => {
  /** The log before and after a repair that loses commit 50. */
  async function bothLogs(): Promise<{ location: string; repaired: string }> {
    const location = copyOf(samples.closed);
    flip(log(location), recordOf(50), 3);
    const repaired = copyOf(location);
    await repairStore(repaired);
    for (const path of segments(repaired)) cpSync(path, join(location, path.slice(repaired.length)));
    return { location, repaired: log(repaired) };
  }

  it.each<[string, readonly string[]]>([
    ['while it copied', ['log', 'log.scratch']],
    ['before its step', ['log', 'log.next']],
    ['before its step, behind another repair', ['log', 'log.next', 'log.old']],
  ])('%s is repaired again', async (_, present) => {
    const { location, repaired } = await bothLogs();
    for (const name of present.slice(1)) cpSync(repaired, join(location, name), { recursive: true });
    const db = new VarveStore(location, options);
    await expect(db.open()).rejects.toMatchObject({ cause: { code: 'STORE_DAMAGED' } });
    expect(await repairStore(location)).toMatchObject({ lostSequences: [[50, 50]] });
    expect(await missing(location)).toEqual([50]);
    expect(readdirSync(location).filter((name) => name.startsWith('log'))).toEqual(['log']);
  });

  it.each<[string, 'open' | 'repair']>([
    ['opening', 'open'],
    ['repairing', 'repair'],
  ])('behind its step is ended by %s', async (_, by) => {
    const { location, repaired } = await bothLogs();
    renameSync(log(location), join(location, 'log.old'));
    cpSync(repaired, join(location, 'log.next'), { recursive: true });
    if (by === 'repair') expect(await repairStore(location)).toMatchObject({ damage: [] });
    expect(await missing(location)).toEqual([50]);
    expect(readdirSync(location).filter((name) => name.startsWith('log'))).toEqual(['log']);
  });

  // Of what a repair left, the next log once stayed beside a log in use, and would have replaced it when that was lost.
  it('leaves nothing that could take the place of a log in use', async () => {
    const location = copyOf(samples.closed);
    cpSync(log(samples.closed), join(location, 'log.next'), { recursive: true });
    expect(await missing(location)).toEqual([]);
    expect(existsSync(join(location, 'log.next'))).toBe(false);
  });
});

it('loses a commit whose batch does not parse', async () => {
  const location = copyOf(samples.closed);
  const level = new LevelLog(log(location));
  await level.open();
  for await (const _ of level.replay()) {
    // Read to its end, so that it takes more.
  }
  await level.append({ sequence: commits + 1, batch: bytes('no batch') }, 'synced');
  await level.close();
  const report = await repairStore(location);
  expect(report).toMatchObject({
    damage: [{ file: 'log', what: `the batch of commit ${commits + 1} is malformed` }],
    lostSequences: [[commits + 1, commits + 1]],
    keptCommits: commits - folded,
  });
  expect(await missing(location)).toEqual([]);
});

/** `npm run torture` sets more. */
const cycles = Number(process.env['VARVE_TORTURE_CYCLES'] ?? 40);
const seed = Number(process.env['VARVE_SEED'] ?? Date.now() % 1_000_000);

it(`names all that is gone, ${cycles} times, with VARVE_SEED=${seed}`, { timeout: 3_600_000 }, async () => {
  const reported = await repairTorture(freshLocation(), createSeededRandom(seed), cycles);
  expect(reported).toBeGreaterThan(0);
});
