/** Columnar appends, and synchronous reads of single rows. */
import type { AppendColumns, ErrorCode } from '@varve/interfaces';
import type { Case } from '../case.js';
import { rejectsCode, throwsCode } from '../checks.js';
import { createItems, itemNames, plain, type SqlFactory, same, withDatabase } from './factory.js';

const untyped = <T>(value: unknown): T => value as T;

/** What no table of items takes, and the code. */
const refused: readonly (readonly [string, unknown, ErrorCode])[] = [
  ['an unknown column', { id: [1], name: ['a'], size: [1] }, 'SQL_NAME'],
  ['columns of two lengths', { id: [1, 2], name: ['a'] }, 'ARGUMENT_INVALID'],
  ['a text for a number', { id: ['1'], name: ['a'] }, 'SQL_TYPE'],
  ['a number for a text', { id: [1], name: [5] }, 'SQL_TYPE'],
  ['a fraction for an integer', { id: [1.5], name: ['a'] }, 'SQL_TYPE'],
  ['a value beyond 64 bits', { id: [2n ** 63n], name: ['a'] }, 'SQL_VALUE'],
  ['no array', { id: 1, name: 'a' }, 'ARGUMENT_INVALID'],
  ['nothing', null, 'ARGUMENT_INVALID'],
  ['a list of rows', 7, 'ARGUMENT_INVALID'],
  ['null where none may be', { id: [5], name: [null] }, 'CONSTRAINT_VIOLATED'],
  ['a key that is there', { id: [5, 1], name: ['new', 'again'] }, 'CONSTRAINT_VIOLATED'],
  [
    'bytes that are not Arrow',
    Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
    'FILE_MALFORMED',
  ],
];

export const appendCases: readonly Case<SqlFactory>[] = [
  {
    name: 'arrays and typed arrays append, in any order of columns',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db);
        same(await db.append('items', { name: ['a', 'b'], id: [1, 2n], amount: [0.5, null] }), 2);
        const typed = { amount: Float64Array.of(1, 2), id: BigInt64Array.of(3n, 4n), name: ['c', 'd'] };
        same(await db.append('items', typed), 2);
        same(await db.append('items', { id: Int32Array.of(5), name: ['e'], amount: [undefined] }), 1);
        same(plain(await db.query('SELECT * FROM items ORDER BY id').columns()), {
          id: [1n, 2n, 3n, 4n, 5n],
          name: ['a', 'b', 'c', 'd', 'e'],
          amount: [0.5, null, 1, 2, null],
        });
      }),
  },
  {
    name: 'a column that is left out has its default; no rows are none',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await db.query("CREATE TABLE d (id INTEGER, state VARCHAR DEFAULT 'new', note VARCHAR)");
        same(await db.append('d', { id: [1] }), 1);
        same(await db.query('SELECT * FROM d').rows(), [{ id: 1, state: 'new', note: null }]);
        same(await db.append('d', { id: [] }), 0);
        same(await db.append('d', {}), 0);
      }),
  },
  {
    name: 'what does not fit is refused whole',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        for (const [what, data, code] of refused) {
          await rejectsCode(code, () => db.append('items', untyped<AppendColumns>(data)), what);
          same(await itemNames(db), ['a'], what);
        }
        await rejectsCode('SQL_NAME', () => db.append('nowhere', { id: [1] }));
        await rejectsCode('ARGUMENT_INVALID', () => db.append(untyped(7), { id: [1] }));
      }),
  },
  {
    name: 'many rows append as one, or not at all',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db);
        // Some 12 MB: more than a client would hand over in one piece.
        const ids = Array.from({ length: 12_000 }, (_, at) => at);
        const long = 'x'.repeat(1_000);
        const columns = { id: ids, name: ids.map((id) => `n${id}${long}`), amount: Float64Array.from(ids) };
        const twice = ids.with(11_999, 0);
        await rejectsCode('CONSTRAINT_VIOLATED', () => db.append('items', { ...columns, id: twice }));
        const spoiled = columns.name.map((name, at) => (at === 11_999 ? untyped<string>(7) : name));
        await rejectsCode('SQL_TYPE', () => db.append('items', { ...columns, name: spoiled }));
        same(await itemNames(db), []);
        same(await db.append('items', columns), 12_000);
        const text = 'SELECT count(*) AS n, min(id) AS low, sum(amount) AS total FROM items';
        same(await db.query(text).rows(), [{ n: 12_000n, low: 0n, total: (11_999 * 12_000) / 2 }]);
      }),
  },
  {
    name: 'get reads one row by its key, as the last commit left it',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [
          [1, 'a', 1.5],
          [-2, 'it is long: '.repeat(1_000), null],
        ]);
        same(db.get('items', 1), { id: 1n, name: 'a', amount: 1.5 });
        same(db.get('items', 1n), { id: 1n, name: 'a', amount: 1.5 });
        same(db.get('items', [-2]), { id: -2n, name: 'it is long: '.repeat(1_000), amount: null });
        same(db.get('items', 3), undefined);
        await db.query("UPDATE items SET name = 'changed' WHERE id = 1");
        same(db.get('items', 1)?.name, 'changed');
        await db.query('DELETE FROM items WHERE id = 1');
        same(db.get('items', 1), undefined);
        await db.query('ALTER TABLE items ADD COLUMN size INTEGER');
        same(db.get('items', -2)?.size, null);
        await db.query('CREATE TABLE pairs (a VARCHAR, b INTEGER, v INTEGER, PRIMARY KEY (a, b))');
        await db.append('pairs', { a: ['x', 'x', ''], b: [1, 2, 1], v: [10, 20, 30] });
        same(db.get('pairs', ['x', 2]), { a: 'x', b: 2, v: 20 });
        same(db.get('pairs', ['', 1])?.v, 30);
        same(db.get('pairs', ['y', 1]), undefined);
      }),
  },
  {
    name: 'get refuses what is no key',
    run: (factory) =>
      withDatabase(factory, async (db) => {
        await createItems(db, [[1, 'a', 1]]);
        for (const bad of ['1', 1.5, null, true, new Date()])
          throwsCode('SQL_TYPE', () => db.get('items', untyped(bad)), String(bad));
        for (const bad of [[], [1, 2]]) throwsCode('ARGUMENT_INVALID', () => db.get('items', bad));
        throwsCode('SQL_NAME', () => db.get('nowhere', 1));
        throwsCode('ARGUMENT_INVALID', () => db.get(untyped(7), 1));
        await db.query('CREATE TABLE bare (id BIGINT)');
        throwsCode('SQL_UNSUPPORTED', () => db.get('bare', 1));
      }),
  },
];
