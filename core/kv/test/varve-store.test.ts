import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createPacked, packedMissing } from '@varve/interfaces';
import { type StoreOptions, VarveStore } from '@varve/kv';
import { describe, expect, it } from 'vitest';
import { bytes, freshLocation, openFresh, text } from './temporary.js';

const value = bytes('value');

describe('bad input gives a code, a message and a hint', () => {
  const rows: readonly [
    name: string,
    code: string,
    call: (db: VarveStore<Uint8Array, Uint8Array>) => unknown,
  ][] = [
    ['a key of 64 KiB', 'KEY_TOO_LARGE', (db) => db.put(new Uint8Array(65_536), value)],
    [
      'a key of 64 KiB in getInto',
      'KEY_TOO_LARGE',
      (db) => db.getInto(new Uint8Array(65_536), new Uint8Array(8)),
    ],
    ['a value over 64 MiB', 'VALUE_TOO_LARGE', (db) => db.put(bytes('k'), new Uint8Array(64 * 2 ** 20 + 1))],
    ['a negative integer key', 'ARGUMENT_INVALID', (db) => db.getInto(-1, new Uint8Array(8))],
    ['a fraction as key', 'ARGUMENT_INVALID', (db) => db.commit([{ type: 'put', key: 1.5, value }])],
    ['a key of 65 bits', 'ARGUMENT_INVALID', (db) => db.commit([{ type: 'put', key: 2n ** 64n, value }])],
    ['an object as key', 'ARGUMENT_INVALID', (db) => db.getInto({} as never, new Uint8Array(8))],
    ['an array as buffer', 'ARGUMENT_INVALID', (db) => db.getInto(bytes('k'), [] as never)],
    [
      'a string as value',
      'ARGUMENT_INVALID',
      (db) => db.commit([{ type: 'put', key: 1, value: 5 as never }]),
    ],
    ['an unknown operation', 'ARGUMENT_INVALID', (db) => db.commit([{ type: 'move', key: 1 } as never])],
    ['an unknown durability', 'ARGUMENT_INVALID', (db) => db.commit([], { durability: 'maybe' as never })],
    ['keys without offsets', 'ARGUMENT_INVALID', (db) => db.getManyPacked(bytes('k'), undefined, packed())],
    [
      'offsets beyond the keys',
      'ARGUMENT_INVALID',
      (db) => db.getManyPacked(bytes('k'), Uint32Array.of(9), packed()),
    ],
    ['unknown fields', 'ARGUMENT_INVALID', (db) => db.scanPacked({ fields: 'all' as never }, packed())],
    [
      'a foreign snapshot',
      'ARGUMENT_INVALID',
      (db) => db.getInto(1, new Uint8Array(8), { snapshot: {} as never }),
    ],
  ];
  it.each(rows)('%s: %s', async (_, code, call) => {
    const db = await openFresh();
    const failure = await caught(() => call(db));
    expect(failure).toMatchObject({ name: 'VarveError', code });
    expect(failure.message).not.toBe('');
    // The store is unharmed.
    await db.put(bytes('k'), value);
    expect(await db.get(bytes('k'))).toEqual(Buffer.from(value));
    await db.close();
  });

  it.each([
    ['a file in the way', 'STORE_UNWRITABLE', (at: string) => writeFileSync(at, 'no store')],
    ['bad options', 'ARGUMENT_INVALID', () => undefined, { memtableBytes: 1.5 }],
    ['a memtable too small', 'ARGUMENT_INVALID', () => undefined, { memtableBytes: 1 }],
    ['a missing store', 'STORE_MISSING', () => undefined, { createIfMissing: false }],
    ['a damaged catalogue', 'STORE_DAMAGED', (at: string) => plant(at, 'CATALOGUE', 'something else')],
    ['a LevelDB folder', 'STORE_FOREIGN', (at: string) => plant(at, 'CURRENT', 'MANIFEST-000001')],
  ])('open: %s', async (_, code, prepare, options: StoreOptions = {}) => {
    const location = freshLocation();
    prepare(location);
    const failure = await caught(() => new VarveStore(location, options).open());
    expect(failure).toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN', cause: { name: 'VarveError', code } });
  });

  it('reads and writes of a closed store say STORE_CLOSED', async () => {
    const db = await openFresh();
    await db.close();
    expect(await caught(() => db.getInto(1, new Uint8Array(8)))).toMatchObject({ code: 'STORE_CLOSED' });
    expect(await caught(() => db.commit([]))).toMatchObject({ code: 'STORE_CLOSED' });
    expect(await caught(() => db.stats())).toMatchObject({ code: 'STORE_CLOSED' });
  });

  it('a directory that cannot be written says so', async () => {
    if (process.getuid?.() === 0) {
      // Root may write anywhere but on a file system without space for it.
      expect(await caught(() => new VarveStore('/proc/varve').open())).toMatchObject({
        cause: { code: expect.stringMatching(/^STORE_(UNWRITABLE|IO)$/) },
      });
      return;
    }
    const location = freshLocation();
    mkdirSync(location);
    chmodSync(location, 0o500);
    expect(await caught(() => new VarveStore(location).open())).toMatchObject({
      cause: { code: 'STORE_UNWRITABLE' },
    });
  });

  it('__proto__ in options does nothing', async () => {
    const options = JSON.parse('{"__proto__": {"durability": "fast", "memtableBytes": 1}}');
    const db = await openFresh(options);
    expect(await db.commit([{ type: 'put', key: 1, value }])).toEqual({ sequence: 1, durability: 'synced' });
    expect(({} as Record<string, unknown>)['durability']).toBeUndefined();
    await db.close();
  });
});

describe('writes', () => {
  it('are numbered without gaps and named by what was reached', async () => {
    const db = await openFresh();
    const first = db.commit([{ type: 'put', key: 1, value }]);
    const second = db.commit([{ type: 'del', key: 1 }], { durability: 'fast' });
    expect((await first).sequence).toBe(1);
    expect((await second).sequence).toBe(2);
    expect((await db.commit([{ type: 'put', key: 2, value }], { durability: 'fast' })).durability).toBe(
      'fast',
    );
    await db.close();
  });

  it('a failed batch leaves nothing behind', async () => {
    const db = await openFresh();
    const operations = [{ type: 'put', key: 1, value } as const, { type: 'put', key: -1, value } as const];
    await expect(db.commit(operations)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await db.commit([{ type: 'put', key: 2, value }]);
    expect(db.getInto(1, new Uint8Array(8))).toBe(-1);
    expect(db.getInto(2, new Uint8Array(8))).toBe(5);
    await db.close();
  });

  it('wait when the queue is full, and keep their order', async () => {
    const db = await openFresh({ durability: 'fast', queueBytesMax: 2 ** 20 });
    const large = new Uint8Array(300_000);
    const acknowledgements = Array.from({ length: 60 }, (_, at) =>
      db.commit([{ type: 'put', key: at, value: large }]),
    );
    const sequences = (await Promise.all(acknowledgements)).map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
    await db.close();
  });

  it('keep the process alive until they are acknowledged', async () => {
    // A put without another handle once let Node exit before its promise was settled.
    const script = fileURLToPath(new URL('pending-write.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script, freshLocation()]);
    expect(stdout.trim()).toBe('acknowledged');
  });

  it('a second owner gets STORE_LOCKED', async () => {
    const db = await openFresh();
    const other = new VarveStore(db.location);
    expect(await caught(() => other.open())).toMatchObject({ cause: { code: 'STORE_LOCKED' } });
    await db.close();
    await other.open();
    await other.close();
  });
});

describe('packed reads', () => {
  it('integers order by value, across the 32-bit boundary', async () => {
    const db = await openFresh();
    const keys = [0n, 1n, 255n, 256n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 64n - 1n];
    await db.commit(keys.toReversed().map((key) => ({ type: 'put', key, value: bytes(String(key)) })));
    const out = packed();
    db.scanPacked({ fields: 'values' }, out);
    const found = Array.from({ length: out.count }, (_, at) => text(field(out, at)));
    expect(found).toEqual(keys.map(String));
    const many = db.getManyPacked(BigUint64Array.from([...keys, 7n]), undefined, packed());
    expect(many).toMatchObject({ count: 9, found: 8, done: true });
    expect(many.ends[8]).toBe(many.byteCount + packedMissing);
    const buffer = new Uint8Array(24);
    for (const key of keys) {
      const length = db.getInto(key <= Number.MAX_SAFE_INTEGER ? Number(key) : key, buffer);
      expect(text(buffer.subarray(0, length))).toBe(String(key));
    }
    await db.close();
  });

  it('getInto leaves a buffer that is too small untouched, and follows a buffer that changed', async () => {
    const db = await openFresh();
    await db.put(bytes('k'), bytes('0123456789'));
    const small = new Uint8Array(4).fill(7);
    expect(db.getInto(bytes('k'), small)).toBe(10);
    expect([...small]).toEqual([7, 7, 7, 7]);
    const buffer = new Uint8Array(16);
    expect(db.getInto(bytes('k'), buffer)).toBe(10);
    structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
    expect(buffer.length).toBe(0);
    expect(db.getInto(bytes('k'), buffer)).toBe(10);
    expect(db.getInto(bytes('k'), new Uint8Array(16))).toBe(10);
    await db.close();
  });

  it('a snapshot keeps its state through flush and compact', async () => {
    const db = await openFresh();
    await db.put(bytes('a'), bytes('old'));
    await db.flush();
    const snapshot = db.snapshot();
    await db.batch([
      { type: 'put', key: bytes('a'), value: bytes('new') },
      { type: 'put', key: bytes('b'), value },
    ]);
    await db.compact();
    expect(text((await db.get(bytes('a'), { snapshot })) ?? value)).toBe('old');
    expect(await db.get(bytes('b'), { snapshot })).toBeUndefined();
    expect(db.scanPacked({}, packed(), { snapshot: snapshot as never }).count).toBe(1);
    expect(db.scanPacked({}, packed()).count).toBe(2);
    await snapshot.close();
    await db.close();
  });
});

describe('what the store tells', () => {
  it('flushes and merges are events, and verify finds all well', async () => {
    const db = await openFresh({ memtableBytes: 64 * 1024, durability: 'fast' });
    const seen = new Set<string>();
    for (const type of ['flush', 'merge', 'progress'] as const) db.on(type, (event) => seen.add(event.type));
    for (let at = 0; at < 40; at++)
      await db.batch(
        Array.from({ length: 100 }, (_, row) => ({
          type: 'put' as const,
          key: bytes(`key ${at * 100 + row}`),
          value: new Uint8Array(100),
        })),
      );
    await db.compact();
    const { segments, sequence, foldedSequence } = db.stats();
    expect(segments).toHaveLength(1);
    expect(segments[0]).toMatchObject({ entryCount: 4000 });
    expect(foldedSequence).toBe(sequence);
    expect(await db.verify()).toMatchObject({ damage: [], entries: 4000 });
    expect(db.approximateSize(bytes(''), bytes('z'))).toBeGreaterThan(400_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toContain('flush');
    expect(seen).toContain('merge');
    await db.close();
  });
});

function packed() {
  return createPacked({ byteCount: 4096, endCount: 64 });
}

function field({ bytes: all, ends }: { bytes: Uint8Array; ends: Uint32Array }, at: number): Uint8Array {
  return all.subarray(at === 0 ? 0 : ends[at - 1], ends[at]);
}

async function caught(call: () => unknown): Promise<Error> {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

function plant(location: string, name: string, content: string): void {
  mkdirSync(location, { recursive: true });
  writeFileSync(join(location, name), content);
}
