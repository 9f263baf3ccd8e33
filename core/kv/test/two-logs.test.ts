/** What both durable logs owe, through the store itself. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { VarveStore } from '@varve/kv';
import { describe, expect, it } from 'vitest';
import { bytes, freshLocation, text } from './temporary.js';

const options = { keyEncoding: 'view', valueEncoding: 'view', memtableBytes: 64 * 1024 } as const;

describe.each(['native', 'level'] as const)('log %s', (log) => {
  it('keeps everything through folds and reopening, and is found again without being named', async () => {
    const location = freshLocation();
    const db = new VarveStore<Uint8Array, Uint8Array>(location, { ...options, log });
    const commits = Array.from({ length: 400 }, (_, at) =>
      db.open().then(() =>
        db.commit([{ type: 'put', key: at, value: bytes(`${at}`.padEnd(1000)) }], {
          durability: at % 3 === 0 ? 'synced' : 'fast',
        }),
      ),
    );
    const sequences = (await Promise.all(commits)).map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: 400 }, (_, at) => at + 1));
    await db.compact();
    await db.put(bytes('in the log only'), bytes('x'));
    const { foldedSequence, sequence, commits: counted, logBytes } = db.stats();
    expect([foldedSequence, sequence, counted]).toEqual([400, 401, 401]);
    expect(logBytes).toBeGreaterThan(0);
    await db.close();
    expect(existsSync(join(location, 'log/CURRENT'))).toBe(log === 'level');

    const again = new VarveStore<Uint8Array, Uint8Array>(location, options);
    await again.open();
    const buffer = new Uint8Array(1000);
    for (let at = 0; at < 400; at++) {
      expect(again.getInto(at, buffer)).toBe(1000);
      expect(text(buffer).trim()).toBe(`${at}`);
    }
    expect(again.getInto(bytes('in the log only'), buffer)).toBe(1);
    expect(await again.commit([{ type: 'del', key: 0 }])).toEqual({ sequence: 402, durability: 'synced' });
    await again.close();
  });

  // With the log on LevelDB, a full queue once refused what came behind it, as a commit out of turn.
  it('lets writes wait while the queue is full', async () => {
    const location = freshLocation();
    const db = new VarveStore<Uint8Array, Uint8Array>(location, { ...options, log, queueBytesMax: 1 << 18 });
    await db.open();
    const order: number[] = [];
    const commits = Array.from({ length: 200 }, (_, at) =>
      db.commit([{ type: 'put', key: at, value: new Uint8Array(20_000).fill(at) }]).then(({ sequence }) => {
        order.push(sequence);
      }),
    );
    await Promise.all(commits);
    expect(order).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
    await db.close();

    const again = new VarveStore<Uint8Array, Uint8Array>(location, options);
    await again.open();
    const buffer = new Uint8Array(20_000);
    for (let at = 0; at < 200; at++) expect([again.getInto(at, buffer), buffer[0]]).toEqual([20_000, at]);
    await again.close();
  });

  it('refuses to be opened as the other one', async () => {
    const location = freshLocation();
    const db = new VarveStore(location, { ...options, log });
    await db.open();
    await db.close();
    const other = new VarveStore(location, { ...options, log: log === 'native' ? 'level' : 'native' });
    await expect(other.open()).rejects.toMatchObject({ cause: { code: 'ARGUMENT_INVALID' } });
  });

  it('does not create what must exist', async () => {
    const location = freshLocation();
    const db = new VarveStore(location, { ...options, log, createIfMissing: false });
    await expect(db.open()).rejects.toMatchObject({ cause: { code: 'STORE_MISSING' } });
    expect(existsSync(join(location, 'log'))).toBe(false);
  });
});

// A lost CURRENT once let the store open as a new, empty one with the native log.
it.each(['log', 'log/CURRENT', 'log/MARK'])('a store that lost %s is damaged, not empty', async (lost) => {
  const location = freshLocation();
  const db = new VarveStore<Uint8Array, Uint8Array>(location, { ...options, log: 'level' });
  await db.put(bytes('key'), bytes('value'));
  await db.flush();
  await db.close();
  rmSync(join(location, lost), { recursive: true });
  const again = new VarveStore(location, options);
  await expect(again.open()).rejects.toMatchObject({ cause: { code: 'STORE_DAMAGED' } });
});
