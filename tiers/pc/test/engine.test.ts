/** What the suite of SQL does not ask: how answers cross, how closing ends them, where transactions may begin, point reads. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenOptions, PcDatabase } from '@varve/pc';
import { col, from, open, VarveError } from '@varve/pc';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-pc-engine-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function withDatabase(
  body: (db: PcDatabase, place: string) => Promise<void>,
  options: OpenOptions = {},
): Promise<void> {
  const place = mkdtempSync(join(folder, 'db-'));
  const db = await open(place, options);
  try {
    await body(db, place);
  } finally {
    await db.close();
  }
}

const rejects = (call: Promise<unknown>, code: string): Promise<void> =>
  expect(call).rejects.toSatisfy((error) => error instanceof VarveError && error.code === code);

/** A table of numbers and texts, most of whose rows are in segments. */
async function createNumbers(db: PcDatabase, rowCount: number): Promise<void> {
  await db.query('CREATE TABLE numbers (n BIGINT PRIMARY KEY, text VARCHAR, half DOUBLE)');
  await db.query(`INSERT INTO numbers SELECT value, 'the number ' || value, value / 2.0
    FROM generate_series(1, ${rowCount})`);
}

describe('adapting', () => {
  it('does nothing where nothing was asked, and says so', () =>
    withDatabase(
      async (db) => {
        await createNumbers(db, 100_000);
        expect(await db.adapt()).toEqual([]);
        expect(await db.query('SELECT * FROM varve.adaptations').rows()).toEqual([]);
        await db.close();
        await rejects(db.adapt(), 'STORE_CLOSED');
      },
      { adapt: false },
    ));

  it('is refused where nothing is changed', async () => {
    const place = mkdtempSync(join(folder, 'db-'));
    await (await open(place)).close();
    const db = await open(place, { readOnly: true });
    await rejects(db.adapt(), 'STORE_READ_ONLY');
    expect(await db.query('SELECT count(*) AS n FROM varve.adaptations').rows()).toEqual([{ n: 0n }]);
    await db.close();
    await rejects(open(place, { adapt: 'yes' as never }), 'ARGUMENT_INVALID');
  });
});

describe('answers', () => {
  it('cross in large pieces, whole and in order', () =>
    withDatabase(async (db) => {
      await createNumbers(db, 300_000);
      const sizes: number[] = [];
      let next = 1;
      for await (const batch of (await db.query('SELECT * FROM numbers ORDER BY n')).batches()) {
        const { n, text } = batch.columns() as { n: BigInt64Array; text: string[] };
        sizes.push(batch.rowCount);
        for (let at = 0; at < batch.rowCount; at += 1, next += 1)
          if (n[at] !== BigInt(next) || text[at] !== `the number ${next}`) expect.fail(`row ${next}`);
      }
      expect(next).toBe(300_001);
      expect(sizes.length).toBeLessThanOrEqual(12);
    }));

  it('have the rows that are asked for at once', () =>
    withDatabase(async (db) => {
      await createNumbers(db, 20_000);
      const result = await db.query('SELECT n FROM numbers', [], { batchRows: 3_000 });
      const sizes: number[] = [];
      for await (const { rowCount } of result.batches()) sizes.push(rowCount);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(20_000);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(3_000);
    }));
});

describe('small answers', () => {
  it('tell by rows, which come packed, what they tell as Arrow', () =>
    withDatabase(async (db) => {
      const texts = [
        "SELECT 1 AS a, 'text' AS b, NULL AS c, true AS d, 0.5 AS e, CAST(1.25 AS DECIMAL(38, 3)) AS f",
        "SELECT to_timestamp('2026-11-30T01:02:03.456') AS t, CAST('1969-12-31' AS DATE) AS d, CAST('01:02:03' AS TIME) AS c",
        "SELECT x.* FROM (VALUES (1, 'a'), (NULL, ''), (-3, NULL)) AS x",
        "SELECT [1, 2, NULL] AS list, named_struct('a', 1, 'b', [0.5]) AS s, interval '1 month 2 days' AS i",
        "SELECT arrow_cast('x', 'Dictionary(Int32, Utf8)') AS dictionary, arrow_cast('y', 'LargeUtf8') AS large",
        "SELECT arrow_cast(value, 'UInt8') AS u, arrow_cast(value, 'Float16') AS h FROM generate_series(1, 16)",
        "SELECT arrow_cast(1, 'Decimal256(60, 2)') AS wide, arrow_cast(7, 'Duration(Second)') AS d, X'00ff' AS bytes",
        'SELECT 1 AS "__proto__"',
        'SELECT * FROM generate_series(1, 0)',
        "SELECT arrow_cast(NULL, 'Utf8View') AS nothing, -9223372036854775808 AS low",
      ];
      for (const text of texts)
        for (const modes of [{}, { int64: 'number', decimal: 'number', timestamp: 'bigint' }] as const) {
          if (modes.int64 === 'number' && text.includes('-9223372036854775808')) continue;
          const rows = await db.query(text, [], modes).rows();
          const unpacked: object[] = [];
          for await (const row of db.query(text, [], modes)) unpacked.push(row);
          expect({ text, rows }).toEqual({ text, rows: unpacked });
          expect(rows.map(Object.keys)).toEqual(unpacked.map(Object.keys));
          const result = await db.query(text, [], modes);
          expect(await result.rows()).toEqual(rows);
          await rejects(result.rows(), 'STORE_CLOSED');
        }
    }));
});

describe('closing', () => {
  it('ends an answer that is being read with an error, and frees the directory at once', () =>
    withDatabase(async (db, place) => {
      await createNumbers(db, 400_000);
      const result = await db.query('SELECT a.n FROM numbers a, numbers b');
      const batches = result.batches();
      expect((await batches.next()).done).toBe(false);
      const running = db.query('SELECT count(*) FROM numbers a, numbers b WHERE a.n * b.n = -1').rows();
      const transaction = db.transaction(async (tx) => {
        await tx.query('DELETE FROM numbers');
        await db.close();
        return tx.query('SELECT 1');
      });
      await Promise.all([
        rejects(running, 'STORE_CLOSED'),
        rejects(transaction, 'STORE_CLOSED'),
        rejects(drained(batches), 'STORE_CLOSED'),
      ]);
      const again = await open(place, { createIfMissing: false });
      expect(await again.query('SELECT count(*) AS n FROM numbers').rows()).toEqual([{ n: 400_000n }]);
      await again.close();
    }));

  it('leaves nothing of what was spilt', () =>
    withDatabase(
      async (db, place) => {
        await createNumbers(db, 400_000);
        const text = 'SELECT n FROM numbers ORDER BY text DESC, half';
        const result = await db.query(text);
        await result.batches().next();
        expect(readdirSync(join(place, 'spill'))).not.toEqual([]);
        await db.close();
        expect(existsSync(join(place, 'spill'))).toBe(false);
        expect(readdirSync(place)).not.toContain('spill');
      },
      { memoryBytes: 40 << 20 },
    ));
});

describe('transactions', () => {
  it('begin and end by their function only', () =>
    withDatabase(async (db) => {
      await createNumbers(db, 10);
      for (const text of ['BEGIN', 'COMMIT', 'ROLLBACK', 'BEGIN; DELETE FROM numbers; COMMIT'])
        await rejects(db.query(text).rows(), 'TRANSACTION_STATE');
      await db.transaction(async (tx) => {
        await tx.query('DELETE FROM numbers WHERE n = 1');
        for (const text of ['BEGIN', 'COMMIT', 'ROLLBACK'])
          await rejects(tx.query(text).rows(), 'TRANSACTION_STATE');
      });
      expect(await db.query('SELECT count(*) AS n FROM numbers').rows()).toEqual([{ n: 9n }]);
    }));

  it('are no place for a change under a snapshot', () =>
    withDatabase(async (db) => {
      await createNumbers(db, 10);
      using snapshot = db.snapshot();
      await rejects(db.query('DELETE FROM numbers', [], { snapshot }).rows(), 'STORE_READ_ONLY');
      expect(await db.query('SELECT count(*) AS n FROM numbers').rows()).toEqual([{ n: 10n }]);
    }));

  it('that both change something do not wait for each other for ever', () =>
    withDatabase(async (db) => {
      await createNumbers(db, 10);
      const change = (n: number) =>
        db.transaction(async (tx) => {
          await tx.query('SELECT count(*) FROM numbers');
          await tx.query('UPDATE numbers SET half = half + 1 WHERE n = ?', [n]);
        });
      const outcomes = await Promise.allSettled([change(1), change(1)]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const lost = outcomes.find((outcome) => outcome.status === 'rejected');
      expect(lost?.reason.code).toBe('TRANSACTION_CONFLICT');
    }));
});

describe('point reads', () => {
  it('find rows of segments, of every type of key and column', () =>
    withDatabase(async (db) => {
      await db.query(`CREATE TABLE kinds AS SELECT CAST(value AS BIGINT) AS i, 'k' || value AS s,
        CAST(value AS DECIMAL(20, 2)) AS d, value % 2 = 0 AS b, CAST(value AS DOUBLE) / 4 AS f,
        to_timestamp(value) AS t, arrow_cast(value, 'Date32') AS day, [value, value + 1] AS list,
        nullif(value % 3, 0) AS sometimes FROM generate_series(1, 100000)`);
      const wanted = async (n: number) => (await db.query('SELECT * FROM kinds WHERE i = ?', [n]).rows())[0];
      for (const [name, keyOf] of Object.entries(keys)) {
        const key = name === 'pair' ? 's, i' : name;
        await db.query(`CREATE TABLE by_${name} (i BIGINT, s VARCHAR, d DECIMAL(20, 2), b BOOLEAN, f DOUBLE,
          t TIMESTAMP, day DATE, list BIGINT[], sometimes BIGINT, PRIMARY KEY (${key}))`);
        await db.query(`INSERT INTO by_${name} SELECT * FROM kinds`);
        for (const n of [1, 2, 3, 8_192, 8_193, 99_999, 100_000]) {
          const row = (await db.query(`SELECT * FROM by_${name} WHERE i = ?`, [n]).rows())[0];
          expect(row?.i).toEqual((await wanted(n))?.i);
          expect({ name, n, row: db.get(`by_${name}`, keyOf(n)) }).toEqual({ name, n, row });
        }
        expect(db.get(`by_${name}`, keyOf(100_001))).toBe(undefined);
        await db.query(`DELETE FROM by_${name} WHERE i = 8193`);
        expect(db.get(`by_${name}`, keyOf(8_193))).toBe(undefined);
        await db.query(`UPDATE by_${name} SET list = NULL WHERE i = 3`);
        expect(db.get(`by_${name}`, keyOf(3))?.list).toBe(null);
      }
    }));
});

const keys: Record<string, (n: number) => Parameters<PcDatabase['get']>[1]> = {
  i: (n) => n,
  s: (n) => `k${n}`,
  d: (n) => `${n}.00`,
  f: (n) => n / 4,
  t: (n) => new Date(n * 1_000),
  day: (n) => new Date(n * 86_400_000),
  pair: (n) => [`k${n}`, n],
};

async function drained(batches: AsyncIterator<unknown>): Promise<void> {
  for (let step = await batches.next(); step.done !== true; ) step = await batches.next();
}

describe('dates', () => {
  // A Date was a time on a wall: beside a column in another zone it was an hour or two off.
  it('are moments, whatever the zone of a column', () =>
    withDatabase(async (db) => {
      await db.query("SET TIME ZONE 'Europe/Berlin'");
      await db.query(
        'CREATE TABLE m (moment TIMESTAMPTZ PRIMARY KEY, wall TIMESTAMP, day DATE, text VARCHAR)',
      );
      const noon = new Date('2024-07-01T12:00:00Z');
      const others = [new Date('2024-07-01T10:00:00Z'), new Date('2024-07-01T14:00:00Z')];
      await db.query('INSERT INTO m VALUES ($1, $1, $1, $1)', [noon]);
      await db.append('m', { moment: others, wall: others });
      const stored = { moment: noon, wall: noon, day: new Date('2024-07-01'), text: '2024-07-01T12:00:00Z' };
      expect(db.get('m', noon)).toEqual(stored);
      for (const condition of [
        'moment = $1',
        'wall = $1',
        'moment IN ($1, $1)',
        'moment <= $1 AND moment > $2',
      ])
        for (const _ of ['planned', 'kept']) {
          const params = condition.includes('$2') ? [noon, others[0] as Date] : [noon];
          const found = await db.query(`SELECT * FROM m WHERE ${condition}`, params).rows();
          expect({ condition, found }).toEqual({ condition, found: [stored] });
        }
      const built = from('m').where(col('moment').eq(noon));
      expect(await db.query(built).rows()).toEqual([stored]);
      const text = 'SELECT moment AS m, $1 AS p, moment = $1 AS same FROM m WHERE text IS NOT NULL';
      expect(await db.query(text, [noon]).rows()).toEqual([{ m: noon, p: noon, same: true }]);
    }));
});

describe('bytes of Arrow', () => {
  // A claim of 2^47 bytes ended the process: no failed allocation is an error.
  it('that are changed anywhere are appended or refused', () =>
    withDatabase(async (db) => {
      await createNumbers(db, 3);
      await db.query('CREATE TABLE target (n BIGINT, text VARCHAR, half DOUBLE)');
      const whole = await (await db.query('SELECT n, text, half FROM numbers')).arrow();
      expect(await db.append('target', whole)).toBe(3);
      let refused = 0;
      for (let at = 0; at < whole.length; at += 3) {
        const bytes = Uint8Array.from(whole);
        bytes[at] = 0x7f;
        await db.append('target', bytes).catch((error: unknown) => {
          expect(error).toBeInstanceOf(VarveError);
          expect((error as VarveError).code).not.toBe('ENGINE_DEFECT');
          refused += 1;
        });
      }
      expect(refused).toBeGreaterThan(10);
      expect(await (await db.query('SELECT count(*) FROM numbers')).rows()).toEqual([{ 'count(*)': 3n }]);
    }));
});
