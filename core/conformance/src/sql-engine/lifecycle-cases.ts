/** Cancellation, progress, opening and closing, the catalogue, files. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { QueryProgress } from '@varve/interfaces';
import type { Case } from '../case.js';
import { rejectsCode, throwsCode } from '../checks.js';
import {
  createEndless,
  createItems,
  endless,
  itemNames,
  type SqlFactory,
  same,
  withDatabase,
} from './factory.js';

/** A cancelled query ends well before this; how soon exactly is for a benchmark. */
const promptMs = 2_000;

export const lifecycleCases: readonly Case<SqlFactory>[] = [
  {
    name: 'a signal cancels a running query at once, and its reason is the cause',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createEndless(db);
        const controller = new AbortController();
        const reason = new Error('enough');
        setTimeout(() => controller.abort(reason), 50);
        const begunMs = performance.now();
        const pending = db.query(endless, [], { signal: controller.signal }).rows();
        const error: unknown = await pending.catch((error: unknown) => error);
        await rejectsCode('QUERY_CANCELLED', () => Promise.reject(error));
        assert.equal((error as Error).cause, reason);
        assert.ok(performance.now() - begunMs < promptMs, 'it took too long');
        await rejectsCode('QUERY_CANCELLED', () => db.query('SELECT 1', [], { signal: controller.signal }));
        same(
          await db.query('SELECT count(*) AS n FROM wide').rows(),
          [{ n: 5_000n }],
          'the database goes on',
        );
      }),
  },
  {
    name: 'adapting says what it did and changes no answer, where tables adapt',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [
          [2, 'b', 2],
          [1, 'a', 1],
          [3, 'c', 3],
        ]);
        const ask = (): Promise<unknown> => db.query('SELECT * FROM items WHERE id > 1 ORDER BY id').rows();
        const before = await ask();
        const done = (await db.adapt?.()) ?? [];
        assert.ok(Array.isArray(done), 'a list of what was done');
        for (const { table, segments } of done) assert.ok(table === 'items' && segments > 0);
        same(await ask(), before);
      }),
  },
  {
    name: 'a cancelled statement leaves no trace, and its transaction open',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createEndless(db);
        await createItems(db, [[1, 'a', 1]]);
        await db.transaction(async (tx) => {
          await tx.query("INSERT INTO items VALUES (2, 'b', 2)");
          const text = `INSERT INTO items SELECT n + 10, 'late', 0 FROM (${endless}) x`;
          await rejectsCode('QUERY_CANCELLED', () => tx.query(text, [], { signal: AbortSignal.timeout(50) }));
          await tx.query("INSERT INTO items VALUES (3, 'c', 3)");
        });
        same(await itemNames(db), ['a', 'b', 'c']);
      }),
  },
  {
    name: 'a result that is cancelled or left early lets go',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createEndless(db);
        const text = 'SELECT a.v + b.v AS s FROM wide a, wide b';
        const result = await db.query(text);
        const batches = result.batches();
        assert.ok((await batches.next()).done !== true);
        result.cancel();
        result.cancel();
        await rejectsCode('QUERY_CANCELLED', () => batches.next());
        await rejectsCode('QUERY_CANCELLED', () => result.rows());
        let seen = 0;
        for await (const row of db.query(text)) {
          assert.equal(typeof row.s, 'bigint');
          seen += 1;
          if (seen === 10) break;
        }
        const disposed = await db.query(text);
        await disposed[Symbol.asyncDispose]();
        await rejectsCode('QUERY_CANCELLED', () => disposed.arrow());
        same(await db.query('SELECT count(*) AS n FROM wide').rows(), [{ n: 5_000n }]);
      }),
  },
  {
    name: 'progress is told while a query runs, in numbers that do not fall',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createEndless(db);
        const heard: QueryProgress[] = [];
        const progress = (step: QueryProgress): void => {
          heard.push(step);
          throw new Error('a display that fails');
        };
        const signal = AbortSignal.timeout(400);
        await rejectsCode('QUERY_CANCELLED', () => db.query(endless, [], { signal, progress }).rows());
        assert.ok(heard.length > 0, 'nothing was heard');
        for (const [at, step] of heard.entries()) {
          const numbers = [step.rowsScanned, step.rowsTotal, step.bytesScanned];
          assert.ok(
            numbers.every((number) => Number.isFinite(number) && number >= 0),
            JSON.stringify(step),
          );
          assert.ok(at === 0 || step.rowsScanned >= (heard[at - 1]?.rowsScanned ?? 0), 'rowsScanned fell');
        }
        const count = heard.length;
        await db.query('SELECT 1');
        assert.equal(heard.length, count, 'it is told after its end');
      }),
  },
  {
    name: 'a database keeps everything over close and open',
    run: async (factory) => {
      const place = await factory.place();
      const db = await factory.open(place);
      await createItems(db, [[1, 'a', 0.5]]);
      await db.transaction(async (tx) => {
        await tx.query("INSERT INTO items VALUES (2, 'b', NULL)");
      });
      await db.query('CREATE VIEW names AS SELECT name FROM items');
      await db.close();
      const again = await factory.open(place, { createIfMissing: false });
      same(await itemNames(again), ['a', 'b']);
      same(await again.query('SELECT count(*) AS n FROM names').rows(), [{ n: 2n }]);
      await rejectsCode('CONSTRAINT_VIOLATED', () => again.query("INSERT INTO items VALUES (1, 'again', 1)"));
      await again.close();
    },
  },
  {
    name: 'a closed database answers STORE_CLOSED; closing again does nothing',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        const statement = await db.prepare('SELECT 1');
        await db[Symbol.asyncDispose]();
        await db.close();
        await rejectsCode('STORE_CLOSED', () => db.query('SELECT 1'));
        await rejectsCode('STORE_CLOSED', () => db.sql`SELECT 1`);
        await rejectsCode('STORE_CLOSED', () => statement.query());
        await rejectsCode('STORE_CLOSED', () => db.prepare('SELECT 1'));
        await rejectsCode('STORE_CLOSED', () => db.append('items', { id: [2], name: ['b'] }));
        await rejectsCode('STORE_CLOSED', () => db.transaction(async () => 1));
        await rejectsCode('STORE_CLOSED', () => db.tables());
        await rejectsCode('STORE_CLOSED', () => db.explain('SELECT 1'));
        throwsCode('STORE_CLOSED', () => db.snapshot());
        throwsCode('STORE_CLOSED', () => db.get('items', 1));
      }),
  },
  {
    name: 'a place has one owner, and says what it has',
    run: async (factory) => {
      const place = await factory.place();
      await rejectsCode('STORE_MISSING', () => factory.open(join(place, 'none'), { createIfMissing: false }));
      const db = await factory.open(place, { errorIfExists: true });
      await rejectsCode('STORE_LOCKED', () => factory.open(place));
      await createItems(db, [[1, 'a', 1]]);
      await db.close();
      await rejectsCode('STORE_EXISTS', () => factory.open(place, { errorIfExists: true }));
      await rejectsCode('ARGUMENT_INVALID', () => factory.open(''));
      const reader = await factory.open(place, { readOnly: true });
      same(await itemNames(reader), ['a']);
      await rejectsCode('STORE_READ_ONLY', () => reader.query('DELETE FROM items'));
      await reader.close();
    },
  },
  {
    name: 'the catalogue tells tables, views, columns and keys',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        same(await db.tables(), []);
        await createItems(db);
        await db.query('CREATE VIEW names AS SELECT name FROM items');
        const [items, names, ...others] = await db.tables();
        same(others, []);
        same([items?.name, items?.kind, items?.primaryKey], ['items', 'table', ['id']]);
        same(
          items?.columns.map(({ name, type }) => [name, type]),
          [
            ['id', { kind: 'integer', bits: 64, signed: true }],
            ['name', { kind: 'text' }],
            ['amount', { kind: 'float', bits: 64 }],
          ],
        );
        same([names?.name, names?.kind, names?.primaryKey], ['names', 'view', []]);
      }),
  },
  {
    name: 'explain gives a plan as JSON',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        for (const analyze of [false, true])
          assert.equal(
            typeof JSON.parse(await db.explain('SELECT name FROM items WHERE id = 1', { analyze })),
            'object',
          );
        await rejectsCode('SQL_NAME', () => db.explain('SELECT * FROM nowhere'));
      }),
  },
  {
    name: 'SQL reaches files in allowed folders only',
    run: async (factory) => {
      const place = await factory.place();
      const [allowed, other] = [join(place, 'allowed'), join(place, 'other')];
      for (const folder of [allowed, other]) {
        await mkdir(folder);
        await writeFile(join(folder, 'numbers.csv'), 'a,b\n1,x\n2,y\n');
      }
      const db = await factory.open(join(place, 'db'), { allowedFolders: [allowed] });
      try {
        const count = (file: string): Promise<unknown[]> =>
          db.query(`SELECT count(*) AS n FROM '${file}'`).rows();
        same(await count(join(allowed, 'numbers.csv')), [{ n: 2n }]);
        await rejectsCode('FILE_FORBIDDEN', () => count(join(other, 'numbers.csv')));
        await rejectsCode('FILE_FORBIDDEN', () => count(join(allowed, '../other/numbers.csv')));
        await rejectsCode('FILE_MISSING', () => count(join(allowed, 'none.csv')));
      } finally {
        await db.close();
      }
    },
  },
];
