/** What the suite of SQL needs to know of its subject. */
import assert from 'node:assert/strict';
import type { SqlColumns, SqlEngine, SqlFragment, SqlParameter, ValueModes } from '@varve/interfaces';

/** How the suite opens a database. */
export interface SqlOpenOptions extends ValueModes {
  readonly readOnly?: boolean;
  readonly createIfMissing?: boolean;
  readonly errorIfExists?: boolean;
  readonly allowedFolders?: readonly string[];
}

/** Makes databases. */
export interface SqlFactory {
  /** A folder that nobody else uses, new and empty; whoever made the factory cleans up. */
  place(): Promise<string>;
  /** Opens the database in a folder. */
  open(place: string, options?: SqlOpenOptions): Promise<SqlEngine>;
  /** The tag of templates. */
  readonly sql: (
    texts: TemplateStringsArray,
    ...values: readonly (SqlParameter | SqlFragment)[]
  ) => SqlFragment;
}

/** Opens a database in a new place, runs `body`, and closes it whatever happens. */
export async function withDatabase(
  factory: SqlFactory,
  body: (db: SqlEngine, place: string) => Promise<void>,
  options: SqlOpenOptions = {},
): Promise<void> {
  const place = await factory.place();
  const db = await factory.open(place, options);
  try {
    await body(db, place);
  } finally {
    await db.close();
  }
}

/** The table that most cases write to: a key, a text, a number that may be null. */
export async function createItems(
  db: SqlEngine,
  rows: readonly (readonly [number, string, number | null])[] = [],
): Promise<void> {
  await db.query('CREATE TABLE items (id BIGINT PRIMARY KEY, name VARCHAR NOT NULL, amount DOUBLE)');
  if (rows.length === 0) return;
  await db.append('items', {
    id: rows.map(([id]) => id),
    name: rows.map(([, name]) => name),
    amount: rows.map(([, , amount]) => amount),
  });
}

/** Names of all items in the order of their keys. */
export async function itemNames(
  db: Pick<SqlEngine, 'query'>,
  options?: Parameters<SqlEngine['query']>[2],
): Promise<string[]> {
  const rows = await db.query<{ name: string }>('SELECT name FROM items ORDER BY id', [], options).rows();
  return rows.map(({ name }) => name);
}

/** Fills a table so that a join of it with itself three times never ends while a test waits. */
export async function createEndless(db: SqlEngine): Promise<void> {
  await db.query('CREATE TABLE wide (v BIGINT NOT NULL)');
  const v = BigInt64Array.from({ length: 5_000 }, (_, at) => BigInt(at));
  await db.append('wide', { v });
}

/** What never ends over that table. */
export const endless = 'SELECT count(*) AS n FROM wide a, wide b, wide c WHERE a.v * b.v + c.v = -1';

/** Columns as plain arrays, whatever arrays they came in. */
export function plain(columns: SqlColumns): Record<string, unknown[]> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, values]) => [name, Array.from(values as ArrayLike<unknown>)]),
  );
}

/** Deep equality that tells 1 from 1n and null from undefined. */
export function same(actual: unknown, expected: unknown, what = ''): void {
  assert.deepStrictEqual(actual, expected, what === '' ? undefined : what);
}
