/** A user's program: it must type-check as it stands, and each `@ts-expect-error` must be one. Nothing runs it. */
import {
  type Acknowledgement,
  type Controller,
  type EmbeddedDatabase,
  importLevel,
  type OpenOptions,
  open,
  type Platform,
  type Telemetry,
} from '@varve/embedded';
import type { AbstractLevel } from 'abstract-level';

/** Takes exactly `T`: neither a part of it nor `any`. */
type Is<T, Given> = [T, Given] extends [Given, T] ? (0 extends 1 & Given ? never : unknown) : never;
declare function is<T>(): <Given>(value: Given & Is<T, Given>) => void;

/** The README's first example. */
export async function json(): Promise<void> {
  const db = await open('./flights', { valueEncoding: 'json' });
  await db.put('SEA', { delayMinutes: 12 });
  await db.batch([
    { type: 'put', key: 'ORD', value: { delayMinutes: 31 } },
    { type: 'del', key: 'SFO' },
  ]);
  console.log(await db.get('SEA'));
  is<unknown>()(await db.get('SEA'));
  is<string[]>()(await db.keys({ gte: 'P' }).all());
  // @ts-expect-error a key is text by default
  await db.put(5, {});
}

/** Types follow from the names of encodings, or are said. */
export async function encodings(options: OpenOptions<Uint8Array, Uint8Array>): Promise<void> {
  is<EmbeddedDatabase<string, string>>()(await open('./text'));
  is<EmbeddedDatabase<string, string>>()(await open('./text', {}));
  is<EmbeddedDatabase<string, string>>()(await open('./text', { durability: 'fast', log: 'level' }));
  is<EmbeddedDatabase<Uint8Array, Buffer>>()(
    await open('./bytes', { keyEncoding: 'view', valueEncoding: 'buffer' }),
  );
  is<EmbeddedDatabase<string, unknown>>()(
    await open('./mixed', { keyEncoding: 'hex', valueEncoding: 'json' }),
  );
  is<EmbeddedDatabase<Uint8Array, Uint8Array>>()(await open('./given', options));
  is<EmbeddedDatabase<string, { delay: number }>>()(
    await open<string, { delay: number }>('./said', { valueEncoding: 'json' }),
  );
  const dates = {
    encode: (date: Date) => date.toISOString(),
    decode: (text: string) => new Date(text),
    name: 'date',
    format: 'utf8' as const,
  };
  is<EmbeddedDatabase<string, Date>>()(await open<string, Date>('./dates', { valueEncoding: dates }));
  const db = await open('./text');
  // @ts-expect-error a value is text by default
  await db.put('key', 5);
  // @ts-expect-error a misspelt option
  await open('./text', { durabillity: 'fast' });
}

/** Every write takes a durability. */
export async function durability(db: EmbeddedDatabase): Promise<Acknowledgement> {
  const fast = { durability: 'fast' } as const;
  await db.put('a', '1', fast);
  await db.put('a', '1', { ...fast, keyEncoding: 'utf8' });
  await db.del('a', fast);
  await db.batch([{ type: 'put', key: 'a', value: '1', sublevel: db.sublevel('s') }], fast);
  await db.batch().put('a', '1').del('b').write(fast);
  await db.clear({ gte: 'a', ...fast });
  // @ts-expect-error no such durability
  await db.put('a', '1', { durability: 'maybe' });
  // @ts-expect-error no such option
  await db.del('a', { durable: true });
  return db.commit([{ type: 'put', key: 1, value: Uint8Array.of(1) }], fast);
}

/** What is on the face has a name there. */
export async function names(db: EmbeddedDatabase<string, unknown>, platform: Platform): Promise<void> {
  const level: AbstractLevel<Uint8Array, string, unknown> = db;
  console.log(level.status);
  const control: Controller = db.control;
  await control.request({ type: 'index-policy', policy: { kind: 's-plus-tree' } });
  const telemetry: Telemetry = db.telemetry;
  telemetry.subscribe((records) => console.log(records.length));
  await using snapshot = db.snapshot();
  is<unknown>()(await db.get('a', { snapshot }));
  is<number>()(db.getInto(5, new Uint8Array(8), { snapshot }));
  const { syncedSequence, frozenMemtables, queuedBytes } = db.stats();
  is<number>()(syncedSequence + frozenMemtables + queuedBytes);
  await importLevel({ from: './old-level', to: await open('./new', { platform }) });
  // @ts-expect-error what this tier lacks is not on its face
  console.log(db.sql);
}

/** A database of any types is one of abstract-level's. */
export function any<K, V>(db: EmbeddedDatabase<K, V>): AbstractLevel<Uint8Array, K, V> {
  return db;
}
