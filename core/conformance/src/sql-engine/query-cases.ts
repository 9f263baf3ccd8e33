/** Queries: values of every type, parameters, the forms of an answer, errors. */
import assert from 'node:assert/strict';
import type { ErrorCode, SqlParameters, SqlRow } from '@varve/interfaces';
import type { Case } from '../case.js';
import { rejectsCode } from '../checks.js';
import { createItems, itemNames, plain, type SqlFactory, same, withDatabase } from './factory.js';

const untyped = <T>(value: unknown): T => value as T;

/** A type as SQL writes it, values to append, and what comes back when that is something else. */
const types: readonly (readonly [string, readonly unknown[], (readonly unknown[])?])[] = [
  ['BOOLEAN', [true, false, null]],
  ['SMALLINT', [-32_768, 32_767, null]],
  ['INTEGER', [-(2 ** 31), 2 ** 31 - 1, null]],
  ['BIGINT', [-(2n ** 63n), 2n ** 63n - 1n, null]],
  ['DOUBLE', [0.1, -0, 5e-324, Number.NaN, Number.NEGATIVE_INFINITY, null]],
  ['DECIMAL(20, 4)', ['-1234567890123456.7891', '0.0001', null]],
  ['VARCHAR', ['', "it's", '日本語 🦀', '\uFEFFmark', 'two\nlines', null]],
  ['BYTEA', [Uint8Array.of(), Uint8Array.of(0, 39, 92, 255), null]],
  ['DATE', [new Date('1969-12-31T00:00:00Z'), new Date('2026-11-30T00:00:00Z'), null]],
  ['TIMESTAMP', [new Date(-1), new Date('2026-11-30T12:34:56.789Z'), null]],
];

/** SQL that must fail, its parameters, and the code. */
const failures: readonly (readonly [string, SqlParameters, ErrorCode])[] = [
  ['SELEC 1', [], 'SQL_SYNTAX'],
  ['SELECT (1', [], 'SQL_SYNTAX'],
  ['SELECT * FROM nowhere', [], 'SQL_NAME'],
  ['SELECT nothing FROM items', [], 'SQL_NAME'],
  ['CREATE TABLE items (id BIGINT)', [], 'SQL_NAME'],
  ['DROP TABLE nowhere', [], 'SQL_NAME'],
  ["SELECT CAST('ten' AS INTEGER)", [], 'SQL_VALUE'],
  ['INSERT INTO items VALUES (1, $1, 1)', ['again'], 'CONSTRAINT_VIOLATED'],
  ['INSERT INTO items VALUES (9, NULL, 1)', [], 'CONSTRAINT_VIOLATED'],
];

export const queryCases: readonly Case<SqlFactory>[] = [
  ...types.map(([type, values, expected = values]) => ({
    name: `${type}: values come back as they went in`,
    run: (factory: SqlFactory) =>
      withDatabase(factory, async (db) => {
        await db.query(`CREATE TABLE t (id INTEGER PRIMARY KEY, v ${type})`);
        const ids = values.map((_, index) => index);
        same(await db.append('t', { id: ids, v: untyped(values) }), values.length);
        const { v } = plain(await db.query('SELECT v FROM t ORDER BY id').columns());
        same(v, expected, 'columns');
        const rows = await db.query('SELECT v FROM t ORDER BY id').rows();
        same(
          rows.map((row) => row.v),
          expected,
          'rows',
        );
        for (const id of ids) same(db.get('t', id), { id, v: expected[id] }, 'get');
        const present = await db.query('SELECT v FROM t WHERE v IS NOT NULL ORDER BY id').rows();
        same(present.length, expected.filter((value) => value !== null).length);
      }),
  })),
  {
    name: 'fields say names and types, also of an empty result',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db);
        const result = await db.query('SELECT id, name, amount FROM items');
        same(
          result.fields.map(({ name, type }) => [name, type.kind]),
          [
            ['id', 'integer'],
            ['name', 'text'],
            ['amount', 'float'],
          ],
        );
        same(result.rowsAffected, undefined);
        same(plain(await result.columns()), { id: [], name: [], amount: [] });
        same(await db.query('SELECT id FROM items').rows(), []);
      }),
  },
  {
    name: 'parameters go by position, by number and by name, and never become text',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        const hostile = "'; DROP TABLE items; --";
        await createItems(db, [
          [1, hostile, 1.5],
          [2, 'b', null],
        ]);
        const rows: readonly (readonly [string, SqlParameters, readonly string[]])[] = [
          ['SELECT name FROM items WHERE name = ?', [hostile], [hostile]],
          ['SELECT name FROM items WHERE id = $2 AND name <> $1', ['x', 2], ['b']],
          ['SELECT name FROM items WHERE id = $1 OR id = $1 + 1 ORDER BY id', [1n], [hostile, 'b']],
          ['SELECT name FROM items WHERE amount = $amount', { amount: 1.5 }, [hostile]],
          ['SELECT name FROM items WHERE amount IS NULL AND $1', [true], ['b']],
        ];
        for (const [text, params, names] of rows) {
          const found = await db.query<{ name: string }>(text, params).rows();
          same(
            found.map(({ name }) => name),
            names,
            text,
          );
        }
        const values = [null, true, 7, 7n, 0.5, hostile, new Date(86_400_000), Uint8Array.of(0, 1)];
        await db.query(
          'CREATE TABLE v (a DOUBLE, b BOOLEAN, c INTEGER, d BIGINT, e DOUBLE, f VARCHAR, g TIMESTAMP, h BYTEA)',
        );
        await db.query('INSERT INTO v VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', values);
        const [row] = await db.query('SELECT * FROM v').rows();
        same(Object.values(row ?? {}), values);
      }),
  },
  {
    name: 'a template takes values as parameters, and fragments with theirs',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [
          [1, 'a', 1],
          [2, "b'", 2],
          [3, 'c', 3],
        ]);
        const name = "b'";
        same(await db.sql`SELECT id FROM items WHERE name = ${name}`.rows(), [{ id: 2n }]);
        const condition = factory.sql`amount > ${1} AND name <> ${name}`;
        same(await db.sql`SELECT id FROM items WHERE id < ${9} AND ${condition} AND id > ${0}`.rows(), [
          { id: 3n },
        ]);
        same(await db.query(factory.sql`SELECT id FROM items WHERE name = ${'a'}`).rows(), [{ id: 1n }]);
        // A function in FROM, which tells its columns before parameters have values.
        const series = factory.sql`SELECT n FROM generate_series(${3}, ${5}) AS series (n)`;
        same(await db.sql`${series} WHERE n <> ${4} ORDER BY n`.rows(), [{ n: 3n }, { n: 5n }]);
        // An object of the shape of a fragment, as JSON may bring it.
        const forged = untyped<string>({ texts: ['1 = 1'], values: [] });
        await rejectsCode('ARGUMENT_INVALID', () => db.sql`SELECT id FROM items WHERE ${forged}`);
      }),
  },
  {
    name: 'an array is a list',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        const three = '(VALUES (1::BIGINT), (2), (3)) AS v(value)';
        const among = `SELECT value FROM ${three} WHERE value = ANY($1) ORDER BY value`;
        for (const [list, values] of [
          [
            [1, 3n, null],
            [1n, 3n],
          ],
          [[2.0, 2.5], [2n]],
          [[], []],
        ] as const)
          same(
            await db.query(among, [list]).rows(),
            values.map((value) => ({ value })),
          );
        await db.query('CREATE TABLE lists (id INT, numbers DOUBLE[], texts TEXT[], days DATE[])');
        const row = [1, [1, 2.5, null], ['a', ''], [new Date('2026-01-02')]];
        await db.query('INSERT INTO lists VALUES ($1, $2, $3, $4), (2, $5, $5, $5)', [...row, []]);
        same(await db.query('SELECT numbers, texts, days::TEXT AS days FROM lists ORDER BY id').rows(), [
          { days: '[2026-01-02]', numbers: [1, 2.5, null], texts: ['a', ''] },
          { days: '[]', numbers: [], texts: [] },
        ]);
        same(await db.sql`SELECT id FROM lists WHERE texts = ${['a', '']}`.rows(), [{ id: 1 }]);
      }),
  },
  {
    name: 'what cannot be a parameter, SQL or an option is refused',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        for (const bad of [
          undefined,
          [1, 'x'],
          [[1]],
          {},
          () => 1,
          Symbol('s'),
          new Date(Number.NaN),
          new Map(),
        ])
          await rejectsCode('ARGUMENT_INVALID', () => db.query('SELECT $1', [untyped(bad)]));
        await rejectsCode('SQL_VALUE', () => db.query('SELECT $1', [2n ** 64n]));
        for (const bad of [7, 'x', true, new Date(), null])
          await rejectsCode('ARGUMENT_INVALID', () => db.query('SELECT 1', untyped(bad)));
        for (const bad of [undefined, null, 7, {}, ['SELECT 1']])
          await rejectsCode('ARGUMENT_INVALID', () => db.query(untyped(bad)));
        for (const bad of [
          7,
          null,
          { signal: 1 },
          { progress: 1 },
          { batchRows: 0 },
          { batchRows: 0.5 },
          { int64: 'no' },
          { snapshot: {} },
        ])
          await rejectsCode('ARGUMENT_INVALID', () => db.query('SELECT 1', [], untyped(bad)));
      }),
  },
  {
    name: 'rows, columns, batches, iteration and Arrow tell the same, once',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        const ids = Array.from({ length: 10_000 }, (_, at) => at);
        await createItems(db);
        await db.append('items', {
          id: ids,
          name: ids.map((id) => `name ${id % 7}`),
          amount: ids.map((id) => (id % 3 === 0 ? null : id / 2)),
        });
        const text = 'SELECT id, name, amount FROM items ORDER BY id';
        const expected = ids.map((id) => ({
          id: BigInt(id),
          name: `name ${id % 7}`,
          amount: id % 3 === 0 ? null : id / 2,
        }));
        same(await db.query(text).rows(), expected, 'rows');
        const columns = plain(await db.query(text).columns());
        same(
          columns.name,
          expected.map(({ name }) => name),
          'columns',
        );
        same(
          columns.amount,
          expected.map(({ amount }) => amount),
          'columns with nulls',
        );
        const streamed: SqlRow[] = [];
        for await (const row of db.query(text)) streamed.push(row);
        same(streamed, expected, 'iteration');
        const batched: SqlRow[] = [];
        for await (const batch of db.query(text, [], { batchRows: 1_000 }).batches()) {
          assert.ok(batch.rowCount > 0 && batch.rowCount <= 1_000, `a batch of ${batch.rowCount} rows`);
          same(batch.rows().length, batch.rowCount);
          batched.push(...batch.rows());
        }
        same(batched, expected, 'batches');
        await db.query('CREATE TABLE copy (id BIGINT, name VARCHAR, amount DOUBLE)');
        same(await db.append('copy', await db.query(text).arrow()), ids.length);
        same(await db.query('SELECT * FROM copy ORDER BY id').rows(), expected, 'Arrow');
        for await (const batch of db.query(text, [], { batchRows: 4_000 }).batches()) {
          await db.query('DELETE FROM copy');
          same(await db.append('copy', batch.arrow()), batch.rowCount);
          break;
        }
        const result = await db.query(text);
        await result.rows();
        await rejectsCode('STORE_CLOSED', () => result.rows());
        await rejectsCode('STORE_CLOSED', () => result.columns());
      }),
  },
  {
    name: 'values that numbers cannot hold are exact unless asked otherwise',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await db.query('CREATE TABLE n (big BIGINT, exact DECIMAL(20, 2), moment TIMESTAMP)');
        await db.append('n', { big: [2n ** 53n - 1n], exact: ['0.10'], moment: [new Date(5)] });
        const text = 'SELECT * FROM n';
        same(await db.query(text).rows(), [{ big: 2n ** 53n - 1n, exact: '0.10', moment: new Date(5) }]);
        const asNumbers = { int64: 'number', decimal: 'number' } as const;
        same(await db.query(text, [], asNumbers).rows(), [
          { big: 2 ** 53 - 1, exact: 0.1, moment: new Date(5) },
        ]);
        const columns = plain(await db.query('SELECT big FROM n', [], asNumbers).columns());
        same(columns, { big: [2 ** 53 - 1] });
        const [counted] = await db.query('SELECT moment FROM n', [], { timestamp: 'bigint' }).rows();
        assert.equal(typeof counted?.moment, 'bigint');
        await db.query('UPDATE n SET big = big + 1');
        await rejectsCode('SQL_VALUE', () => db.query(text, [], asNumbers).rows());
        await rejectsCode('SQL_VALUE', () => db.query('SELECT big FROM n', [], asNumbers).columns());
      }),
  },
  {
    name: 'modes of the database hold where a query names none',
    run: (factory) =>
      withDatabase(
        factory,
        async (db) => {
          await createItems(db, [[1, 'a', 1]]);
          same(await db.query('SELECT id FROM items').rows(), [{ id: 1 }]);
          same(await db.query('SELECT id FROM items', [], { int64: 'bigint' }).rows(), [{ id: 1n }]);
          same(db.get('items', 1), { id: 1, name: 'a', amount: 1 });
          same(db.get('items', 1, { int64: 'bigint' }), { id: 1n, name: 'a', amount: 1 });
        },
        { int64: 'number' },
      ),
  },
  {
    name: 'columns of one name stay apart',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        const text = 'SELECT x.name, y.name FROM items x JOIN items y ON x.id = y.id';
        same((await db.query(text)).names, ['name', 'name_2']);
        same(await db.query(text).rows(), [{ name: 'a', name_2: 'a' }]);
        const result = await db.query('SELECT name AS "b", id AS "2", amount AS "1" FROM items');
        same(result.names, ['b', '2', '1']);
        const [row] = await result.rows();
        same([row?.b, row?.['2'], row?.['1']], ['a', 1n, 1]);
        same(plain(await db.query(text).columns()), { name: ['a'], name_2: ['a'] });
      }),
  },
  {
    name: 'a failure has its code, and leaves no trace',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        for (const [text, params, code] of failures)
          await rejectsCode(code, () => db.query(text, params).rows(), text);
        await rejectsCode('CONSTRAINT_VIOLATED', () =>
          db.query("INSERT INTO items VALUES (2, 'b', 1), (1, 'again', 1)"),
        );
        same(await itemNames(db), ['a']);
      }),
  },
  {
    name: 'a statement that changes rows says how many, and has run when its promise resolves',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db);
        const statements: readonly (readonly [string, number])[] = [
          ["INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', NULL)", 3],
          ['UPDATE items SET amount = 5 WHERE id >= 2', 2],
          ['DELETE FROM items WHERE id = 1', 1],
          ['DELETE FROM items WHERE id = 77', 0],
        ];
        for (const [text, count] of statements) {
          const result = await db.query(text);
          same(result.rowsAffected, count, text);
          same(await result.rows(), [], text);
        }
        same(await itemNames(db), ['b', 'c']);
      }),
  },
  {
    name: 'a prepared statement runs many times, until it is closed',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [
          [1, 'a', 1],
          [2, 'b', 2],
        ]);
        const statement = await db.prepare<{ name: string }>('SELECT name FROM items WHERE id = $1');
        same(statement.parameterCount, 1);
        same(
          statement.fields.map(({ name }) => name),
          ['name'],
        );
        for (const [id, names] of [
          [1, ['a']],
          [2n, ['b']],
          [3, []],
        ] as const) {
          const rows = await statement.query([id]).rows();
          same(
            rows.map(({ name }) => name),
            names,
          );
        }
        await db.query("INSERT INTO items VALUES (3, 'new', 3)");
        same(await statement.query([3]).rows(), [{ name: 'new' }]);
        const insert = await db.prepare('INSERT INTO items VALUES ($1, $2, $3)');
        same((await insert.query([4, 'd', null])).rowsAffected, 1);
        await insert.close();
        await statement.close();
        await statement.close();
        await rejectsCode('STORE_CLOSED', () => statement.query([1]));
        await rejectsCode('SQL_SYNTAX', () => db.prepare('SELEC'));
        await rejectsCode('ARGUMENT_INVALID', () => db.prepare(untyped(7)));
      }),
  },
];
