/**
 * The suite of SQL under test: each database here breaks the contract in one way, and a named case must notice.
 *
 * A row that no case fails on is a hole in the suite.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlEngineCases } from '@varve/conformance';
import type { SqlEngine } from '@varve/interfaces';
import type { NativeDatabase, NativeQuery, NativeSql } from '@varve/sql';
import { afterAll, describe, expect, it } from 'vitest';
import { duckdbSql } from './duckdb/face.js';
import { sqlFactory } from './duckdb/factory.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A database with some calls of its own. */
function replacing(own: (db: SqlEngine) => Partial<SqlEngine>): (db: SqlEngine) => SqlEngine {
  return (db) => {
    const parts = own(db);
    return new Proxy(db, {
      get(target, name) {
        const value: unknown = Object.hasOwn(parts, name)
          ? Reflect.get(parts, name)
          : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

/** An engine with some calls of its own. */
function below(own: (native: NativeDatabase) => Partial<NativeDatabase>): NativeSql {
  return {
    async openDatabase(directory, options) {
      const native = await duckdbSql.openDatabase(directory, options);
      if ('failure' in native) return native;
      const parts = own(native);
      return new Proxy(native, {
        get(target, name) {
          const value: unknown = Object.hasOwn(parts, name)
            ? Reflect.get(parts, name)
            : Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}

/** The same for its queries. */
function belowQueries(own: (query: NativeQuery) => Partial<NativeQuery>): NativeSql {
  return below((db) => ({
    query(text, params, options) {
      const query = db.query(text, params, options) as NativeQuery;
      return {
        start: () => query.start(),
        next: () => query.next(),
        cancel: () => query.cancel(),
        progress: () => query.progress(),
        ...own(query),
      };
    },
  }));
}

/** What is broken in the database, how, and words of a case that must notice. */
const faults: readonly (readonly [string, (db: SqlEngine) => SqlEngine, RegExp])[] = [
  [
    'parameters are ignored by name',
    replacing((db) => ({
      query: (text, params, options) => db.query(text, Array.isArray(params) ? params : [], options) as never,
    })),
    /by position, by number and by name/,
  ],
  [
    'a mode is ignored',
    replacing((db) => ({
      query: (text, params, options) => db.query(text, params, { ...options, int64: 'bigint' }) as never,
    })),
    /exact unless asked/,
  ],
  [
    'a transaction commits what threw',
    replacing((db) => ({
      transaction: async (body) => {
        let thrown: unknown;
        const result = await db.transaction((tx) =>
          body(tx).catch((error: unknown) => void (thrown = error)),
        );
        if (thrown !== undefined) throw thrown;
        return result as never;
      },
    })),
    /throws leaves nothing/,
  ],
  [
    'a transaction wraps what its function threw',
    replacing((db) => ({
      transaction: (body) =>
        db.transaction(body).catch((cause: unknown) => Promise.reject(new Error('failed', { cause }))),
    })),
    /throws what it threw/,
  ],
  [
    'a snapshot shows the latest state',
    replacing((db) => ({
      query: (text, params, options = {}) =>
        db.query(text, params, { ...options, snapshot: undefined as never }) as never,
    })),
    /a snapshot shows its moment/,
  ],
  [
    'snapshots stay open',
    replacing((db) => ({
      snapshot: () => Object.assign(Object.create(db.snapshot()), { release() {} }) as never,
    })),
    /until it is released/,
  ],
  [
    'get gives null for a missing row',
    replacing((db) => ({ get: (table, key, options) => (db.get(table, key, options) ?? null) as never })),
    /get reads one row/,
  ],
  [
    'get takes a text for a number',
    replacing((db) => ({
      get: (table, key, options) =>
        db.get(table, typeof key === 'string' ? Number(key) : key, options) as never,
    })),
    /get refuses/,
  ],
  [
    'append ignores unknown columns',
    replacing((db) => ({
      append: (table, data) =>
        data instanceof Uint8Array || data === null || !('size' in data)
          ? db.append(table, data)
          : db.append(table, { id: data.id ?? [], name: data.name ?? [] }),
    })),
    /what does not fit/,
  ],
  [
    'append counts one too many',
    replacing((db) => ({ append: async (table, data) => (await db.append(table, data)) + 1 })),
    /arrays and typed arrays/,
  ],
  [
    'tables are not told in order',
    replacing((db) => ({ tables: async () => (await db.tables()).toReversed() })),
    /the catalogue/,
  ],
  [
    'closing leaves it open',
    replacing(() => ({ close: async () => undefined, [Symbol.asyncDispose]: async () => undefined })),
    /a closed database/,
  ],
  [
    'explain gives text',
    replacing((db) => ({ explain: async (text) => `plan: ${await db.explain(text)}` })),
    /explain/,
  ],
  [
    'a prepared statement keeps its first values',
    replacing((db) => ({
      prepare: async (text) => {
        const statement = await db.prepare(text);
        let first: unknown;
        return Object.assign(Object.create(statement), {
          parameterCount: statement.parameterCount,
          fields: statement.fields,
          close: () => statement.close(),
          query: (params: never) => statement.query((first ??= params) as never),
        }) as never;
      },
    })),
    /a prepared statement/,
  ],
  [
    'adapting loses rows',
    replacing((db) => ({
      adapt: async () => {
        await db.query('DELETE FROM items WHERE id = 3');
        return [];
      },
    })),
    /adapting says what it did/,
  ],
  [
    'progress is never told',
    replacing((db) => ({
      query: (text, params, options) =>
        db.query(
          text,
          params,
          options === undefined || options === null ? options : { ...options, progress: undefined as never },
        ) as never,
    })),
    /progress is told/,
  ],
  [
    'a signal is ignored for a while',
    replacing((db) => ({
      query: (text, params, options) => {
        if (!(options?.signal instanceof AbortSignal) || options.signal.aborted)
          return db.query(text, params, options) as never;
        const late = new AbortController();
        options.signal.addEventListener('abort', () =>
          setTimeout(() => late.abort(options.signal?.reason), 2_500),
        );
        return db.query(text, params, { ...options, signal: late.signal }) as never;
      },
    })),
    /a signal cancels/,
  ],
];

/** The same for an engine below. */
const faultsBelow: readonly (readonly [string, NativeSql, RegExp])[] = [
  [
    'the last batch is lost',
    belowQueries((query) => {
      let held: Uint8Array | null | undefined;
      return {
        async next() {
          held ??= (await query.next()) as Uint8Array | null;
          const result = (await query.next()) as Uint8Array | null;
          const before = held;
          held = result;
          return result === null ? null : before;
        },
      };
    }),
    /tell the same, once/,
  ],
  [
    'batches are as large as they come',
    below((db) => ({
      query: (text, params, { batchRows: _, ...options }) => db.query(text, params, options),
    })),
    /tell the same, once/,
  ],
  [
    'rows that changed are not counted',
    belowQueries((query) => ({
      start: async () => ({ ...(await query.start()), rowsAffected: 0 }) as never,
    })),
    /says how many/,
  ],
  [
    'cancelling does nothing',
    belowQueries((query) => ({ cancel: () => void setTimeout(() => query.cancel(), 2_500) })),
    /a signal cancels/,
  ],
  [
    'a statement runs outside of its transaction',
    below((db) => ({
      query: (text, params, { transaction: _, ...options }) => db.query(text, params, options),
    })),
    /a transaction sees what it does/,
  ],
  [
    'savepoints are not taken',
    below((db) => ({
      query: (text, params, options) => db.query(/SAVEPOINT/.test(text) ? 'SELECT 1' : text, params, options),
    })),
    /a nested transaction/,
  ],
  [
    'an append is not atomic',
    below((db) => ({
      appender: (table, options) => {
        const appender = db.appender(table, options);
        const cancel = () => appender.finish() as Promise<never>;
        return { push: (ipc) => appender.push(ipc), finish: () => appender.finish(), cancel };
      },
    })),
    /many rows append as one/,
  ],
  [
    'progress falls',
    belowQueries(() => {
      let left = 1_000;
      return { progress: () => ({ rowsScanned: left--, rowsTotal: 1_000, bytesScanned: 0 }) };
    }),
    /progress is told/,
  ],
  [
    'files are open to all',
    {
      openDatabase: (directory, options) =>
        duckdbSql.openDatabase(directory, { ...options, allowedFolders: ['/'] }),
    },
    /allowed folders only/,
  ],
  [
    'a reader may write',
    { openDatabase: (directory, { readOnly: _, ...options }) => duckdbSql.openDatabase(directory, options) },
    /one owner/,
  ],
];

describe('a planted fault', () => {
  const all = [
    ...faults.map(([what, change, words]) => [what, sqlFactory(folder, change), words] as const),
    ...faultsBelow.map(
      ([what, native, words]) => [what, sqlFactory(folder, undefined, native), words] as const,
    ),
  ];
  it.each(all)('is noticed: %s', async (_, factory, words) => {
    const named = sqlEngineCases.filter(({ name }) => words.test(name));
    expect(named.length).toBeGreaterThan(0);
    const noticed: string[] = [];
    for (const { name, run } of named) await run(factory).catch(() => noticed.push(name));
    expect(noticed.length).toBeGreaterThan(0);
  });
});
