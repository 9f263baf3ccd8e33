import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandom } from '@varve/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { freshFolder } from './level/folder.js';
import { TorturedLog } from './level/torture.js';

/** Cycles per fault; `npm run torture` sets more. */
const cycles = Number(process.env['VARVE_TORTURE_CYCLES'] ?? 12);
const seed = Number(process.env['VARVE_SEED'] ?? Date.now() % 1_000_000);

const { root, remove } = freshFolder();
afterAll(remove);

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

  it('refuses writes on a full disk, keeps what it acknowledged, and goes on when there is room', {
    timeout: 600_000,
  }, async () => {
    const log = tortured();
    // A limit on the file's size is what a test can have without a disk of its own; the log must grow beyond it.
    const limited: [string, ...string[]] = [
      'bash',
      '-c',
      'trap "" XFSZ; ulimit -f 2048; exec "$@"',
      'limited',
    ];
    log.writeUnder(limited, 1 << 26);
    expect(log.promised().errors[0]).toBe('STORE_FULL');
    expect(log.promised().acknowledged).toBeGreaterThan(0);
    await expect(log.check()).resolves.toBeUndefined();
    await log.writeAndKill();
    await expect(log.check()).resolves.toBeUndefined();
  });

  // strace makes the system call fail inside LevelDB; where it is not installed, the conformance suite's failed sync stays.
  it.runIf(spawnSync('strace', ['-V']).status === 0)(
    'takes no more writes after a failed sync and keeps what it acknowledged',
    { timeout: 600_000 },
    async () => {
      const log = tortured();
      const call = 10 + (seed % 20);
      const inject = `inject=fdatasync:error=EIO:when=${call}`;
      const strace: [string, ...string[]] = [
        'strace',
        '-f',
        '--seccomp-bpf',
        '-o',
        join(root, 'trace'),
        '-e',
        'trace=fdatasync',
        '-e',
        inject,
      ];
      log.writeUnder(strace, 1 << 26);
      const { errors } = log.promised();
      expect(errors.length).toBeGreaterThan(0);
      expect(errors.every((code) => code === 'STORE_IO' || code === 'STORE_POISONED')).toBe(true);
      await expect(log.check()).resolves.toBeUndefined();
    },
  );
});
