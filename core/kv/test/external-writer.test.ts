import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Durability, LoggedCommit } from '@varve/interfaces';
import { VarveError } from '@varve/interfaces';
import { afterAll, describe, expect, it } from 'vitest';
import { ExternalWriter } from '../src/log/external-writer.js';
import { LevelLog } from '../src/log/level-log.js';
import { FakeStore } from './level/fake-store.js';
import { freshFolder } from './level/folder.js';

const { root, remove } = freshFolder();
afterAll(remove);
const freshPath = (): string => mkdtempSync(join(root, 'log-'));

interface Running {
  readonly log: LevelLog;
  readonly store: FakeStore;
  readonly writer: ExternalWriter;
}

async function start(
  path: string,
  memtableCommits = 20,
  Log: typeof LevelLog = LevelLog,
  queueBytesMax = 1 << 20,
): Promise<Running> {
  const log = new Log(path);
  await log.open();
  const store = new FakeStore(memtableCommits, log.catalogue());
  const writer = new ExternalWriter(log, store, queueBytesMax);
  store.onFold = (fold) => void writer.fold(fold);
  await writer.start(store.foldedSequence);
  return { log, store, writer };
}

const named = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `commit ${from + at}`);

describe('ExternalWriter', () => {
  it('numbers, applies and acknowledges in the order of the calls, through many folds', async () => {
    const { log, store, writer } = await start(freshPath());
    const order: number[] = [];
    const writes = named(1, 500).map(async (text, at) => {
      const written = await writer.write(Buffer.from(text), at % 3 === 0 ? 'fast' : 'synced');
      order.push(written.sequence);
      expect(store.applied.length).toBeGreaterThanOrEqual(written.sequence);
    });
    await Promise.all(writes);
    expect(order).toEqual(Array.from({ length: 500 }, (_, at) => at + 1));
    expect(store.applied).toEqual(named(1, 500));
    expect(store.foldedSequence).toBeGreaterThan(400);
    await log.close();
  });

  it('brings a store up to the log at the next start, folding on the way when memory is short', async () => {
    const path = freshPath();
    const first = await start(path, 1_000);
    await Promise.all(named(1, 300).map((text) => first.writer.write(Buffer.from(text), 'synced')));
    await first.log.close();
    const seen: number[] = [];
    const log = new LevelLog(path);
    await log.open();
    const store = new FakeStore(25, log.catalogue());
    const writer = new ExternalWriter(log, store, 1 << 20);
    store.onFold = (fold) => void writer.fold(fold);
    expect(await writer.start(store.foldedSequence, (sequence) => seen.push(sequence))).toBe(300);
    expect(seen).toHaveLength(300);
    expect(store.applied).toEqual(named(1, 300));
    expect((await writer.write(Buffer.from('commit 301'), 'synced')).sequence).toBe(301);
    await log.close();
    const again = await start(path, 1_000);
    expect(again.store.applied).toEqual(named(1, 301));
    await again.log.close();
  });

  it('copies a batch before the call returns', async () => {
    const { log, store, writer } = await start(freshPath());
    const batch = Buffer.from('commit 1');
    const written = writer.write(batch, 'synced');
    batch.fill(0);
    await written;
    expect(store.applied).toEqual(named(1, 1));
    await log.close();
  });

  it('logs nothing that the store would not apply', async () => {
    const { log, store, writer } = await start(freshPath());
    await expect(writer.write(Uint8Array.of(0xff), 'synced')).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    });
    expect(await writer.write(Buffer.from('commit 1'), 'synced')).toEqual({
      sequence: 1,
      durability: 'synced',
    });
    expect(store.applied).toEqual(named(1, 1));
    await log.close();
  });

  it('goes on with the same number after the log refused a commit', async () => {
    let isFull = false;
    class SometimesFull extends LevelLog {
      override append(commit: LoggedCommit, durability: Durability): Promise<Durability> {
        return isFull
          ? Promise.reject(new VarveError('STORE_FULL', { message: 'the disk is full' }))
          : super.append(commit, durability);
      }
    }
    const { log, writer } = await start(freshPath(), 20, SometimesFull);
    await writer.write(Buffer.from('a'), 'synced');
    isFull = true;
    const refused = await Promise.allSettled(
      ['b', 'c'].map((text) => writer.write(Buffer.from(text), 'synced')),
    );
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isFull = false;
    expect((await writer.write(Buffer.from('d'), 'synced')).sequence).toBe(2);
    await log.close();
  });

  it('numbers anew what waits behind commits that the log refused', async () => {
    const refused = new Set([3, 4]);
    const appended: number[] = [];
    class RefusesSome extends LevelLog {
      override append(commit: LoggedCommit, durability: Durability): Promise<Durability> {
        appended.push(commit.sequence);
        // As a group that found the disk full: all of it is refused, and the number of its first is free again.
        return refused.delete(commit.sequence)
          ? Promise.reject(new VarveError('STORE_FULL', { message: 'the disk is full' }))
          : super.append(commit, durability);
      }
    }
    const { log, store, writer } = await start(freshPath(), 20, RefusesSome, 2);
    const writes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((text) =>
      writer.write(Buffer.from(text), 'synced').then(
        ({ sequence }) => sequence,
        (error: VarveError) => error.code,
      ),
    );
    expect(await Promise.all(writes)).toEqual([1, 2, 'STORE_FULL', 'STORE_FULL', 3, 4, 5, 6]);
    expect(appended).toEqual([1, 2, 3, 4, 3, 4, 5, 6]);
    expect(store.applied).toEqual(['a', 'b', 'e', 'f', 'g', 'h']);
    await log.close();
  });

  it('drain waits for what is under way', async () => {
    const { log, store, writer } = await start(freshPath());
    const writes = named(1, 50).map((text) => writer.write(Buffer.from(text), 'synced'));
    await writer.drain();
    expect(store.applied).toHaveLength(50);
    await Promise.all(writes);
    await log.close();
  });
});
