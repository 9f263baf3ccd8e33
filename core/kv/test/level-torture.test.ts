import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@varve/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { freshFolder } from './level/folder.js';
import { TorturedLog } from './level/torture.js';

/** Cycles per fault; `npm run torture -- kv --log level` sets more. Of those that take seconds, one by default. */
const asked = process.env['VARVE_TORTURE_CYCLES'];
const cycles = Number(asked ?? 12);
const slowCycles = Number(asked ?? 1);
const seed = Number(process.env['VARVE_SEED'] ?? Date.now() % 1_000_000);

const { root, remove } = freshFolder();
afterAll(remove);

type Command = readonly [program: string, ...args: string[]];

/** strace makes a system call fail inside LevelDB; where it is not installed, the faults of the conformance suite stay. */
const hasStrace = spawnSync('strace', ['-V']).status === 0;
const failing = (calls: string, fault: string): Command => [
  'strace',
  '-f',
  '--seccomp-bpf',
  '-o',
  join(root, 'trace'),
  '-e',
  `trace=${calls}`,
  '-e',
  `inject=${calls}:${fault}`,
];
const limited = (limit: string): Command => [
  'bash',
  '-c',
  `trap "" XFSZ; ulimit ${limit}; exec "$@"`,
  'limited',
];

function tortured(): TorturedLog {
  return new TorturedLog(mkdtempSync(join(root, 'case-')), createSeededRandom(seed));
}

describe(`the log on LevelDB, with VARVE_SEED=${seed}`, () => {
  it(`keeps what it acknowledged through ${cycles} kills`, { timeout: 600_000 }, async () => {
    const log = tortured();
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      await log.writeAndKill();
      await expect(log.check()).resolves.toBeUndefined();
    }
    expect(log.promised().acknowledged).toBeGreaterThan(0);
  });

  it(`keeps what it acknowledged through ${cycles} power cuts`, { timeout: 600_000 }, async () => {
    const log = tortured();
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      await log.writeAndKill();
      log.losePower();
      await expect(log.check()).resolves.toBeUndefined();
    }
    expect(log.promised().acknowledged).toBeGreaterThan(0);
  });

  it(`reports damage in any file, or reads as if there was none, ${cycles * 5} times`, {
    timeout: 600_000,
  }, async () => {
    const log = tortured();
    // Killed while they opened, two writers in a row once left no file at all to damage: one run in some hundred failed.
    do await log.writeAndKill();
    while (log.promised().acknowledged === 0);
    let reported = 0;
    for (let cycle = 0; cycle < cycles * 5; cycle += 1) {
      if (cycle % 20 === 19) await log.writeAndKill();
      reported += (await log.rot()) ? 1 : 0;
    }
    expect(reported).toBeGreaterThan(0);
  });

  it(`refuses writes on a full disk, keeps what it acknowledged, and goes on when there is room, ${slowCycles} times`, {
    timeout: 600_000,
  }, async () => {
    for (let cycle = 0; cycle < slowCycles; cycle += 1) {
      const log = tortured();
      // A limit on the file's size is what a test can have without a disk of its own; the log must grow beyond it.
      const errors = log.writeUnder(limited('-f 2048'), {});
      expect(errors[0]).toBe('STORE_FULL');
      expect(log.promised().acknowledged).toBeGreaterThan(0);
      await expect(log.check()).resolves.toBeUndefined();
      await log.writeAndKill();
      await expect(log.check()).resolves.toBeUndefined();
    }
  });

  it.runIf(hasStrace)(
    `takes no more writes after a failed sync and keeps what it acknowledged, ${slowCycles} times`,
    { timeout: 600_000 },
    async () => {
      for (let cycle = 0; cycle < slowCycles; cycle += 1) {
        const log = tortured();
        const errors = log.writeUnder(
          failing('fdatasync', `error=EIO:when=${10 + ((seed + cycle) % 20)}`),
          {},
        );
        expect(errors.length).toBeGreaterThan(0);
        expect(errors.filter((code) => code !== 'STORE_IO' && code !== 'STORE_POISONED')).toEqual([]);
        await expect(log.check()).resolves.toBeUndefined();
      }
    },
  );

  // LevelDB renames while it opens: its LOG, and what becomes CURRENT.
  it.runIf(hasStrace)(
    `says when a rename fails and keeps what it acknowledged, ${cycles} times`,
    { timeout: 600_000 },
    async () => {
      const log = tortured();
      let refusals = 0;
      for (let cycle = 0; cycle < cycles; cycle += 1) {
        const fault = `error=${cycle % 2 === 0 ? 'EIO' : 'ENOSPC'}:when=${1 + ((seed + cycle) % 3)}+`;
        const errors = log.writeUnder(failing('rename,renameat,renameat2', fault), { commits: 200 });
        expect(errors.filter((code) => code !== 'STORE_IO' && code !== 'STORE_FULL')).toEqual([]);
        refusals += errors.length;
        await expect(log.check()).resolves.toBeUndefined();
      }
      expect(refusals).toBeGreaterThan(0);
      expect(log.promised().acknowledged).toBeGreaterThan(0);
    },
  );

  it(`says when descriptors run out and keeps what it acknowledged, ${cycles} times`, {
    timeout: 600_000,
  }, async () => {
    const log = tortured();
    let refusals = 0;
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      const limits = { rotateBytes: 1 << 16, commits: 2_000, descriptors: (seed + cycle) % 12 };
      const errors = log.writeUnder(limited('-n 128'), limits);
      const expected = ['STORE_DESCRIPTORS', 'STORE_IO', 'STORE_POISONED'];
      expect(errors.filter((code) => !expected.includes(code))).toEqual([]);
      refusals += errors.length;
      await expect(log.check()).resolves.toBeUndefined();
    }
    expect(refusals).toBeGreaterThan(0);
    expect(log.promised().acknowledged).toBeGreaterThan(0);
  });
});
