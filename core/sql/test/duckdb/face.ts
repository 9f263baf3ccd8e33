/**
 * The native face over DuckDB: a second engine under `core/sql`, to prove the suite and the TypeScript above the face.
 * It promises what the face promises, however slowly; savepoints and failed statements replay the transaction.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  ResultReturnType,
  StatementType,
} from '@duckdb/node-api';
import * as arrow from '@uwdata/flechette';
import type { Failed } from '@varve/interfaces';
import type {
  NativeAppender,
  NativeDatabase,
  NativeHead,
  NativeOptions,
  NativeParams,
  NativePointReader,
  NativeQuery,
  NativeQueryOptions,
  NativeSnapshot,
  NativeSql,
  NativeStatement,
  NativeTable,
  NativeTransaction,
} from '@varve/sql';
import { encodeColumns } from '../../src/arrow/encode.js';
import { schemaBytes } from '../../src/arrow/ipc.js';
import { insertOf, schemaOf } from './ipc.js';
import { MirrorReader } from './mirror.js';
import { failed, outcome } from './outcome.js';
import { beginHere, Snapshot, Transaction } from './transaction.js';
import { arrowType, bound, jsValue } from './values.js';

const openDirectories = new Set<string>();

export const duckdbSql: NativeSql = {
  async openDatabase(directory, options) {
    return outcome(async () => {
      const file = join(directory, 'data.duckdb');
      if (openDirectories.has(directory)) return failed('STORE_LOCKED', `${directory} is open`);
      const exists = existsSync(file);
      if (exists && options.errorIfExists === true)
        return failed('STORE_EXISTS', `${directory} has a database`);
      if (!exists && (options.createIfMissing === false || options.readOnly === true))
        return failed('STORE_MISSING', `${directory} has no database`);
      mkdirSync(directory, { recursive: true });
      const instance = await DuckDBInstance.create(file, configOf(options));
      openDirectories.add(directory);
      const database = new Database(directory, instance);
      await database.confine(options.allowedFolders ?? []);
      return database;
    });
  },
};

function configOf({ readOnly, threads }: NativeOptions): Record<string, string> {
  return {
    access_mode: readOnly === true ? 'READ_ONLY' : 'READ_WRITE',
    ...(threads === undefined ? {} : { threads: String(threads) }),
  };
}

class Database implements NativeDatabase {
  readonly #directory: string;
  readonly #instance: DuckDBInstance;
  readonly #running = new Set<Query>();
  readonly #transactions = new Set<Transaction>();
  readonly mirrors: MirrorReader[] = [];
  /** Snapshots are asked for at once and taken in turn. */
  ready: Promise<unknown> = Promise.resolve();

  constructor(directory: string, instance: DuckDBInstance) {
    this.#directory = directory;
    this.#instance = instance;
  }

  async confine(folders: readonly string[]): Promise<void> {
    const connection = await this.connect();
    const list = [this.#directory, ...folders].map((folder) => `'${folder}/'`).join(', ');
    await connection.run(`SET allowed_directories = [${list}]`);
    await connection.run('SET enable_external_access = false');
    connection.closeSync();
  }

  connect(): Promise<DuckDBConnection> {
    return this.#instance.connect();
  }

  query(sql: string, params: NativeParams, options: NativeQueryOptions): NativeQuery {
    const query = new Query(this, sql, params, options);
    this.#running.add(query);
    return query;
  }

  ended(query: Query): void {
    this.#running.delete(query);
  }

  async prepare(sql: string): Promise<NativeStatement | Failed> {
    return outcome(async () => {
      const connection = await this.connect();
      const prepared = await connection.prepare(sql);
      const fields = Array.from({ length: prepared.columnCount }, (_, at) =>
        arrow.field(prepared.columnName(at), arrowType(prepared.columnType(at))),
      );
      return {
        parameterCount: prepared.parameterCount,
        schema: schemaOf(prepared.statementType === StatementType.SELECT ? fields : []),
        query: (params: NativeParams, options: NativeQueryOptions) => this.query(sql, params, options),
        close: () => connection.closeSync(),
      };
    });
  }

  async begin(): Promise<NativeTransaction | Failed> {
    return outcome(async () => {
      await this.ready;
      const connection = await this.connect();
      await beginHere(connection);
      const transaction = new Transaction(
        { ended: (transaction) => this.#endedTransaction(transaction) },
        connection,
      );
      this.#transactions.add(transaction);
      return transaction;
    });
  }

  ofTransaction(transaction: NativeTransaction | undefined): Transaction | undefined {
    return transaction instanceof Transaction ? transaction : undefined;
  }

  async #endedTransaction(transaction: Transaction): Promise<void> {
    this.#transactions.delete(transaction);
    await this.mirror();
  }

  snapshot(): NativeSnapshot {
    const opened = this.connect().then(async (connection) => {
      await beginHere(connection);
      return connection;
    });
    this.ready = Promise.all([this.ready, opened]);
    return new Snapshot(opened);
  }

  async append(
    table: string,
    ipc: Uint8Array,
    options: { transaction?: NativeTransaction },
  ): Promise<number | Failed> {
    return outcome(async () => {
      const statement = insertOf(table, ipc);
      if (statement === undefined) return failed('FILE_MALFORMED', 'not Arrow');
      if (statement.rows === 0) return 0;
      const head = await this.query(statement.sql, { values: [] }, options).start();
      return 'failure' in head ? head : statement.rows;
    });
  }

  /** Appends when all pieces are there. */
  appender(table: string, options: { transaction?: NativeTransaction }): NativeAppender {
    const pieces: Uint8Array[] = [];
    return {
      push: async (ipc) => {
        pieces.push(ipc.slice());
        return undefined;
      },
      finish: () => this.#appendAll(table, pieces, this.ofTransaction(options.transaction)),
      cancel: async () => undefined,
    };
  }

  async #appendAll(
    table: string,
    pieces: readonly Uint8Array[],
    outer: Transaction | undefined,
  ): Promise<number | Failed> {
    const transaction = outer ?? (await this.begin());
    if (!(transaction instanceof Transaction)) return transaction as Failed;
    await transaction.command('SAVEPOINT pieces');
    let rows = 0;
    for (const piece of pieces) {
      const appended = await this.append(table, piece, { transaction });
      if (typeof appended !== 'number') {
        await (outer === undefined
          ? transaction.rollback()
          : transaction.command('ROLLBACK TO SAVEPOINT pieces'));
        return appended;
      }
      rows += appended;
    }
    const ended = outer === undefined ? await transaction.commit() : undefined;
    return ended ?? rows;
  }

  async tables(): Promise<readonly NativeTable[] | Failed> {
    return outcome(async () => {
      const connection = await this.connect();
      const rows = await connection.runAndReadAll(
        'SELECT table_schema, table_name, table_type FROM information_schema.tables ORDER BY ALL',
      );
      const found = await Promise.all(
        rows
          .getRows()
          .map(([, name]) => this.describe(`"${String(name)}"`, {}).then((table) => table as NativeTable)),
      );
      connection.closeSync();
      return found;
    });
  }

  async describe(
    table: string,
    { transaction }: { transaction?: NativeTransaction },
  ): Promise<NativeTable | null | Failed> {
    return outcome(async () => {
      const own = this.ofTransaction(transaction)?.connection;
      const connection = own ?? (await this.connect());
      try {
        const name = table.replaceAll('"', '');
        const known = await connection.runAndReadAll(
          `SELECT table_schema, table_type FROM information_schema.tables WHERE table_name = '${name}'`,
        );
        const [row] = known.getRows();
        if (row === undefined) return null;
        const keys = await connection.runAndReadAll(
          `SELECT unnest(constraint_column_indexes) FROM duckdb_constraints() WHERE table_name = '${name}' AND constraint_type = 'PRIMARY KEY'`,
        );
        const result = await connection.run(`SELECT * FROM "${name}" LIMIT 0`);
        const fields = result
          .columnNames()
          .map((column, at) => arrow.field(column, arrowType(result.columnType(at))));
        return {
          schema: String(row[0]),
          name,
          isView: row[1] === 'VIEW',
          columns: schemaOf(fields),
          primaryKey: keys.getRows().map(([at]) => Number(at)),
        };
      } finally {
        if (own === undefined) connection.closeSync();
      }
    });
  }

  pointReader(table: string, key: Uint8Array, row: Uint8Array): NativePointReader | Failed {
    const known = mirrored.get(this)?.get(table);
    if (known === undefined) return failed('SQL_NAME', `no table ${table}`);
    if (known.table.primaryKey.length === 0) return failed('SQL_UNSUPPORTED', `${table} has no primary key`);
    return new MirrorReader(() => mirrored.get(this)?.get(table), key, row);
  }

  /** Reads the tables again, for point reads that cannot wait. */
  async mirror(): Promise<void> {
    const connection = await this.connect();
    const all = new Map<string, { table: NativeTable; rows: readonly (readonly unknown[])[] }>();
    for (const table of (await this.tables()) as readonly NativeTable[]) {
      if (table.primaryKey.length === 0) all.set(table.name, { table, rows: [] });
      else {
        const { rows } = { rows: await connection.runAndReadAll(`SELECT * FROM "${table.name}" LIMIT 1000`) };
        all.set(table.name, { table, rows: rows.getRows().map((values) => values.map(jsValue)) });
      }
    }
    mirrored.set(this, all);
    connection.closeSync();
  }

  adapt(): Promise<[]> {
    return Promise.resolve([]);
  }

  async explain(sql: string, analyze: boolean): Promise<string | Failed> {
    return outcome(async () => {
      const connection = await this.connect();
      const rows = await connection.runAndReadAll(
        `EXPLAIN (FORMAT json${analyze ? ', ANALYZE' : ''}) ${sql}`,
      );
      return String(rows.getRows()[0]?.[1]);
    });
  }

  async close(): Promise<undefined> {
    await this.ready;
    for (const query of this.#running) query.cancel();
    for (const transaction of this.#transactions) await transaction.rollback();
    this.#instance.closeSync();
    openDirectories.delete(this.#directory);
  }
}

const mirrored = new WeakMap<
  Database,
  Map<string, { readonly table: NativeTable; readonly rows: readonly (readonly unknown[])[] }>
>();

class Query implements NativeQuery {
  readonly #database: Database;
  readonly #sql: string;
  readonly #params: NativeParams;
  readonly #options: NativeQueryOptions;
  #connection: DuckDBConnection | undefined;
  #isOwn = false;
  #isCancelled = false;
  #fields: readonly arrow.Field[] = [];
  #chunks: AsyncIterator<DuckDBDataChunk> | undefined;
  #waiting: Uint8Array[] = [];

  constructor(database: Database, sql: string, params: NativeParams, options: NativeQueryOptions) {
    this.#database = database;
    this.#sql = sql;
    this.#params = params;
    this.#options = options;
  }

  async start(): Promise<NativeHead | Failed> {
    await this.#database.ready;
    const transaction = this.#database.ofTransaction(this.#options.transaction);
    return outcome(
      async () => {
        if (await transaction?.command(this.#sql)) return whole;
        const snapshot = this.#options.snapshot;
        this.#isOwn = transaction === undefined && !(snapshot instanceof Snapshot);
        this.#connection =
          transaction?.connection ??
          (snapshot instanceof Snapshot ? await snapshot.opened : await this.#database.connect());
        if (this.#isCancelled) return failed('QUERY_CANCELLED', 'cancelled');
        return this.#run(this.#connection, transaction);
      },
      async () => {
        await transaction?.replay();
        this.#end();
      },
    );
  }

  async #run(connection: DuckDBConnection, transaction: Transaction | undefined): Promise<NativeHead> {
    if (/^\s*(BEGIN|COMMIT|ROLLBACK)\b/i.test(this.#sql))
      throw new Error('TransactionContext Error: use transaction()');
    const prepared = await connection.prepare(this.#sql);
    prepared.bind(...bound(this.#params));
    const result = this.#isOwn ? await prepared.stream() : await prepared.run();
    if (result.returnType !== ResultReturnType.QUERY_RESULT) {
      transaction?.record(this.#sql, this.#params);
      const rowsAffected = result.rowsChanged;
      this.#end();
      if (transaction === undefined) await this.#database.mirror();
      return { ...whole, rowsAffected };
    }
    this.#fields = result
      .columnNames()
      .map((name, at) => arrow.field(name, arrowType(result.columnType(at))));
    this.#chunks = result[Symbol.asyncIterator]();
    const schema = schemaOf(this.#fields);
    const first = await this.#take();
    const second = first === null ? null : await this.#take();
    if (second !== null) this.#waiting.unshift(second);
    return { schema, first, isWhole: second === null };
  }

  async next(): Promise<Uint8Array | null | Failed> {
    return outcome(
      () => this.#take(),
      async () => this.#end(),
    );
  }

  async #take(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#isCancelled) throw new Error('INTERRUPT Error: cancelled');
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) return waiting;
      const { done, value: chunk } = (await this.#chunks?.next()) ?? { done: true };
      if (done === true) {
        this.#end();
        return null;
      }
      this.#waiting = this.#encode(chunk as DuckDBDataChunk);
    }
  }

  #encode(chunk: DuckDBDataChunk): Uint8Array[] {
    const values = chunk.getColumns().map((column) => column.map(jsValue));
    const step = this.#options.batchRows ?? chunk.rowCount;
    const parts: Uint8Array[] = [];
    const unnamed = this.#fields.map((field, at) => ({ ...field, name: String(at) }));
    const columns = Object.fromEntries(values.map((column, at) => [String(at), column]));
    for (let from = 0; from < chunk.rowCount; from += step) {
      const to = Math.min(from + step, chunk.rowCount);
      const stream = encodeColumns(unnamed, columns as never, { from, to });
      parts.push(stream.slice(schemaBytes(stream), -8));
    }
    return parts;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#connection?.interrupt();
    this.#database.ended(this);
  }

  progress(): { rowsScanned: number; rowsTotal: number; bytesScanned: number } {
    const { rows_processed = 0n, total_rows_to_process = 0n } = this.#connection?.progress ?? {};
    return { rowsScanned: Number(rows_processed), rowsTotal: Number(total_rows_to_process), bytesScanned: 0 };
  }

  #end(): void {
    this.#database.ended(this);
    if (this.#isOwn) this.#connection?.closeSync();
    this.#connection = undefined;
  }
}

const whole: NativeHead = { schema: schemaOf([]), isWhole: true };
