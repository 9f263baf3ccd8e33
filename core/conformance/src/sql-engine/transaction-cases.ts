/** Transactions and snapshots: what is seen, by whom, and what is left. */
import assert from 'node:assert/strict';
import type { SqlTransaction } from '@varve/interfaces';
import type { Case } from '../case.js';
import { rejectsCode } from '../checks.js';
import { createItems, itemNames, type SqlFactory, same, withDatabase } from './factory.js';

const untyped = <T>(value: unknown): T => value as T;

export const transactionCases: readonly Case<SqlFactory>[] = [
  {
    name: 'a transaction sees what it does, and others see it when it is committed',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        const answer = await db.transaction(async (tx) => {
          await tx.query("INSERT INTO items VALUES (2, 'b', 2)");
          same(await tx.append('items', { id: [3], name: ['c'] }), 1);
          await tx.sql`UPDATE items SET name = ${'A'} WHERE id = ${1}`;
          same(await itemNames(tx), ['A', 'b', 'c']);
          same(await itemNames(db), ['a']);
          return 7;
        });
        same(answer, 7);
        same(await itemNames(db), ['A', 'b', 'c']);
        same(db.get('items', 1)?.name, 'A');
      }),
  },
  {
    name: 'a transaction whose function throws leaves nothing, and throws what it threw',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        const thrown = new Error('changed my mind');
        const outcome = db.transaction(async (tx) => {
          await tx.query('DELETE FROM items');
          await tx.append('items', { id: [3], name: ['c'] });
          throw thrown;
        });
        assert.equal(await outcome.catch((error: unknown) => error), thrown);
        same(await itemNames(db), ['a']);
      }),
  },
  {
    name: 'what a transaction left running is part of it, whether it ends well or not',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db);
        const started: Promise<unknown>[] = [];
        await db.transaction(async (tx) => {
          started.push(tx.query("INSERT INTO items VALUES (1, 'kept', 1)"));
        });
        same(await itemNames(db), ['kept']);
        const failed = db.transaction(async (tx) => {
          started.push(tx.append('items', { id: [2], name: ['lost'] }));
          started.push(tx.transaction((inner) => inner.query("INSERT INTO items VALUES (3, 'lost', 3)")));
          throw new Error('back');
        });
        await assert.rejects(failed, /back/);
        await Promise.allSettled(started);
        same(await itemNames(db), ['kept']);
      }),
  },
  {
    name: 'a statement that fails does not end its transaction',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        await db.transaction(async (tx) => {
          await tx.query("INSERT INTO items VALUES (2, 'b', 2)");
          await rejectsCode('CONSTRAINT_VIOLATED', () =>
            tx.query("INSERT INTO items VALUES (3, 'c', 3), (1, 'again', 1)"),
          );
          await rejectsCode('SQL_NAME', () => tx.query('SELECT * FROM nowhere'));
          await tx.query("INSERT INTO items VALUES (4, 'd', 4)");
        });
        same(await itemNames(db), ['a', 'b', 'd']);
      }),
  },
  {
    name: 'a nested transaction is a savepoint',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db);
        await db.transaction(async (tx) => {
          await tx.query("INSERT INTO items VALUES (1, 'outer', 1)");
          const failed = tx.transaction(async (inner) => {
            await inner.query("INSERT INTO items VALUES (2, 'lost', 2)");
            await inner.transaction(async (innermost) => {
              await innermost.query("INSERT INTO items VALUES (3, 'lost too', 3)");
            });
            same(await itemNames(inner), ['outer', 'lost', 'lost too']);
            throw new Error('back');
          });
          await assert.rejects(failed, /back/);
          same(await itemNames(tx), ['outer']);
          await tx.transaction(async (inner) => {
            await inner.query("INSERT INTO items VALUES (4, 'kept', 4)");
            await rejectsCode('TRANSACTION_STATE', () => tx.query('SELECT 1'), 'the outer one meanwhile');
          });
          await tx.query("INSERT INTO items VALUES (5, 'after', 5)");
        });
        same(await itemNames(db), ['outer', 'kept', 'after']);
      }),
  },
  {
    name: 'a transaction that has ended answers TRANSACTION_STATE',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db);
        let kept: SqlTransaction | undefined;
        await db.transaction(async (tx) => {
          kept = tx;
        });
        const ended = kept;
        assert.ok(ended !== undefined);
        await rejectsCode('TRANSACTION_STATE', () => ended.query('SELECT 1'));
        await rejectsCode('TRANSACTION_STATE', () => ended.append('items', { id: [1], name: ['a'] }));
        await rejectsCode('TRANSACTION_STATE', () => ended.transaction(async () => 1));
        await rejectsCode('ARGUMENT_INVALID', () => db.transaction(untyped(7)));
      }),
  },
  {
    name: 'of two transactions that change one row, the later one is told',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        const outcome = db.transaction(async (tx) => {
          same(await itemNames(tx), ['a']);
          await db.query("UPDATE items SET name = 'theirs' WHERE id = 1");
          same(await itemNames(tx), ['a'], 'it still sees its own state');
          await tx.query("UPDATE items SET name = 'ours' WHERE id = 1");
        });
        await rejectsCode('TRANSACTION_CONFLICT', () => outcome);
        same(await itemNames(db), ['theirs']);
      }),
  },
  {
    name: 'a snapshot shows its moment until it is released',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        const snapshot = db.snapshot();
        await db.query("INSERT INTO items VALUES (2, 'b', 2)");
        await db.query("UPDATE items SET name = 'A' WHERE id = 1");
        const later = db.snapshot();
        await db.query('DELETE FROM items');
        same(await itemNames(db, { snapshot }), ['a']);
        same(await itemNames(db, { snapshot: later }), ['A', 'b']);
        same(await itemNames(db), []);
        same(await itemNames(db, { snapshot }), ['a'], 'again');
        snapshot.release();
        snapshot.release();
        await rejectsCode('STORE_CLOSED', () => db.query('SELECT 1', [], { snapshot }));
        same(await itemNames(db, { snapshot: later }), ['A', 'b'], 'the other one');
        await db.transaction(async (tx) => {
          await rejectsCode('ARGUMENT_INVALID', () => tx.query('SELECT 1', [], { snapshot: later }));
        });
        later[Symbol.dispose]();
        await rejectsCode('STORE_CLOSED', () => db.query('SELECT 1', [], { snapshot: later }));
      }),
  },
  {
    name: 'a snapshot of another database is refused',
    run: (factory) =>
      withDatabase(factory, (db) =>
        withDatabase(factory, async (other) => {
          const snapshot = other.snapshot();
          await rejectsCode('ARGUMENT_INVALID', () => db.query('SELECT 1', [], { snapshot }));
          snapshot.release();
        }),
      ),
  },
  {
    name: 'a result under way is not changed by what is committed meanwhile',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db);
        const ids = Array.from({ length: 20_000 }, (_, at) => at);
        await db.append('items', { id: ids, name: ids.map(String) });
        const result = await db.query<{ name: string }>('SELECT name FROM items', [], { batchRows: 1_000 });
        await db.query("UPDATE items SET name = 'changed'");
        await db.query('DELETE FROM items WHERE id < 10000');
        const names = (await result.rows())
          .map(({ name }) => Number(name))
          .toSorted((one, other) => one - other);
        same(names, ids);
      }),
  },
];
