/** A database of tables: how it is opened and closed, and what only the whole of it has. */
import {
  type Clock,
  type PreparedStatement,
  requirePath,
  type SqlEngine,
  type SqlRow,
  type SqlScalar,
  type SqlSnapshot,
  type SqlTransaction,
  type TableAdaptation,
  type TableDescription,
  unwrap,
  type ValueModes,
  VarveError,
} from '@varve/interfaces';
import { decodeSchema } from './arrow/ipc.js';
import { sqlFields } from './arrow/sql-types.js';
import { CommitWaits } from './commit-waits.js';
import { KnownSchemas } from './known-schemas.js';
import type { NativeDatabase, NativeSql, NativeTable, NativeTransaction } from './native-face.js';
import { readSqlOptions, type SqlOptions } from './options.js';
import { PointReads } from './point/point-reads.js';
import { Prepared } from './prepared.js';
import { requireBody, requireName, requireText, Session, type Shared } from './session.js';
import { Transaction } from './transaction.js';

/** What a database stands on. */
export interface SqlParts {
  readonly native: NativeSql;
  readonly clock: Clock;
}

/**
 * Opens the database in `directory`, and creates it when there is none. One process owns it until `close`.
 *
 * @throws VarveError STORE_LOCKED, STORE_DAMAGED, STORE_FOREIGN, STORE_NEWER_FORMAT, STORE_UNWRITABLE, STORE_MISSING,
 *   STORE_EXISTS, ARGUMENT_INVALID
 */
export async function openSqlDatabase(
  { native, clock }: SqlParts,
  directory: string,
  options: SqlOptions = {},
): Promise<SqlDatabase> {
  requirePath(directory, 'the directory of a database');
  const { native: nativeOptions, modes } = readSqlOptions(options);
  const opened = unwrap(await native.openDatabase(directory, nativeOptions));
  return new SqlDatabase(opened, modes, clock);
}

/** An open database; `openSqlDatabase` makes it. */
export class SqlDatabase extends Session implements SqlEngine {
  readonly #points: PointReads;
  #closing: Promise<void> | undefined;

  constructor(native: NativeDatabase, modes: ValueModes, clock: Clock) {
    super({
      native,
      modes,
      clock,
      commits: new CommitWaits(clock),
      schemas: new KnownSchemas(),
      snapshots: new WeakMap(),
    });
    this.#points = new PointReads(native, modes);
  }

  async transaction<T>(body: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    const { native } = this.usable();
    requireBody(body);
    const begun = unwrap(await native.begin());
    const transaction = this.within(begun);
    let result: T;
    try {
      result = await transaction.run(body);
    } catch (error) {
      // What failed first is what the caller must hear of.
      await begun.rollback();
      throw error;
    }
    try {
      unwrap(await begun.commit());
    } catch (error) {
      await begun.rollback();
      throw error;
    }
    return result;
  }

  async prepare<R extends object = SqlRow>(text: string): Promise<PreparedStatement<R>> {
    const { native } = this.usable();
    requireText(text);
    return new Prepared<R>(
      unwrap(await native.prepare(text)),
      (settings) => {
        this.usable();
        return this.where(settings);
      },
      this.shared,
    );
  }

  get<R extends object = SqlRow>(
    table: string,
    key: SqlScalar | readonly SqlScalar[],
    options?: ValueModes,
  ): R | undefined {
    this.usable();
    requireName(table);
    return this.#points.get(table, key, options) as R | undefined;
  }

  snapshot(): SqlSnapshot {
    const { native, snapshots } = this.usable();
    const view = unwrap(native.snapshot());
    const release = (): void => {
      if (snapshots.get(snapshot) === null) return;
      snapshots.set(snapshot, null);
      view.release();
    };
    const snapshot: SqlSnapshot = Object.freeze({ release, [Symbol.dispose]: release });
    snapshots.set(snapshot, view);
    return snapshot;
  }

  async tables(): Promise<readonly TableDescription[]> {
    return unwrap(await this.usable().native.tables()).map(described);
  }

  async explain(text: string, { analyze = false }: { readonly analyze?: boolean } = {}): Promise<string> {
    const { native } = this.usable();
    requireText(text);
    return unwrap(await native.explain(text, analyze));
  }

  async adapt(): Promise<readonly TableAdaptation[]> {
    return unwrap(await this.usable().native.adapt());
  }

  async close(): Promise<void> {
    this.#closing ??= this.shared.native.close().then(unwrap);
    await this.#closing;
  }

  /** Closes it, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @hidden */
  protected within(begun: NativeTransaction): Transaction {
    return new Transaction(this.shared, begun);
  }

  protected override place(): Record<string, never> {
    return {};
  }

  protected override track(): void {
    // The engine ends what runs when it is closed.
  }

  protected override usable(): Shared {
    if (this.#closing === undefined) return this.shared;
    throw new VarveError('STORE_CLOSED', { message: 'the database is closed', hint: 'open it again' });
  }
}

function described({ schema, name, isView, columns, primaryKey }: NativeTable): TableDescription {
  const fields = sqlFields(decodeSchema(columns));
  return {
    schema,
    name,
    kind: isView ? 'view' : 'table',
    columns: fields,
    primaryKey: primaryKey.flatMap((at) => fields[at]?.name ?? []),
  };
}
