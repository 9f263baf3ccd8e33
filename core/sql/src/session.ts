/**
 * What the database and its transactions have in common: statements, templates, appends.
 *
 * Invariants
 * 1. A snapshot works on the database that made it, until it is released.
 * 2. `usable` is asked before anything reaches the engine.
 */
import {
  type AppendColumns,
  type Clock,
  type PendingResult,
  type PlanEngine,
  type QueryOptions,
  requireObject,
  type SqlFragment,
  type SqlParameter,
  type SqlParameters,
  type SqlRow,
  type SqlSession,
  type SqlTransaction,
  shown,
  type TableQuery,
  unwrap,
  type ValueModes,
  VarveError,
} from '@varve/interfaces';
import { checkColumns, isOnePiece, pushColumns, type Send, sendColumns, streamIn } from './append.js';
import { checkPlan } from './builder/check-plan.js';
import { encodePlan } from './builder/encode.js';
import { renderPlan } from './builder/render.js';
import type { CommitWaits } from './commit-waits.js';
import { isFragment, sql, statementOf } from './fragment.js';
import type { KnownSchemas } from './known-schemas.js';
import type {
  NativeDatabase,
  NativeQueryOptions,
  NativeSnapshot,
  NativeStarted,
  NativeTransaction,
} from './native-face.js';
import { nativeParams, type QuerySettings, readQueryOptions } from './options.js';
import { pendingResult } from './query-result.js';

/** What the sessions of one database share. */
export interface Shared {
  readonly native: NativeDatabase;
  readonly modes: ValueModes;
  readonly clock: Clock;
  readonly commits: CommitWaits;
  readonly schemas: KnownSchemas;
  /** The native views; null of those that were released. */
  readonly snapshots: WeakMap<object, NativeSnapshot | null>;
}

/** The database, or one transaction in it. */
export abstract class Session implements SqlSession, PlanEngine {
  /** @hidden */
  protected readonly shared: Shared;

  constructor(shared: Shared) {
    this.shared = shared;
  }

  /** Runs a query that was built. It starts at once, whether or not its answer is read. */
  query<R extends object = SqlRow>(query: TableQuery<R>, options?: QueryOptions): PendingResult<R>;
  /** Runs SQL: text with parameters, or a fragment, which has its values in it. It starts at once. */
  query<R extends object = SqlRow>(
    text: string | SqlFragment,
    params?: SqlParameters,
    options?: QueryOptions,
  ): PendingResult<R>;
  query<R extends object>(
    what: string | SqlFragment | TableQuery<R>,
    params?: SqlParameters | QueryOptions,
    options?: QueryOptions,
  ): PendingResult<R> {
    const query = isTableQuery(what) ? what : undefined;
    const pending = pendingResult<R>(
      () => readQueryOptions(query === undefined ? options : (params as QueryOptions), this.shared.modes),
      (settings) => {
        const { native } = this.usable();
        if (query !== undefined) return startPlan(native, query.plan, this.where(settings));
        const statement = statementFrom(what, params as SqlParameters | undefined);
        return native.query(statement.text, nativeParams(statement.params), this.where(settings));
      },
      this.shared,
    );
    this.track(pending);
    return pending;
  }

  sql<R extends object = SqlRow>(
    texts: TemplateStringsArray,
    ...values: readonly (SqlParameter | SqlFragment)[]
  ): PendingResult<R> {
    return this.query<R>(sql(texts, ...values));
  }

  append(table: string, data: Uint8Array | AppendColumns): Promise<number> {
    const pending = this.#append(table, data);
    this.track(pending);
    return pending;
  }

  async #append(table: string, data: Uint8Array | AppendColumns): Promise<number> {
    const { native } = this.usable();
    requireName(table);
    if (data instanceof Uint8Array) return this.#send(table)(streamIn(data));
    requireObject(data, 'what is appended');
    const checked = await checkColumns(native, table, data, this.place());
    if (checked.rowCount === 0) return 0;
    if (isOnePiece(checked)) return sendColumns(checked, this.#send(table));
    return pushColumns(checked, native.appender(table, this.place()));
  }

  abstract transaction<T>(body: (transaction: SqlTransaction) => Promise<T>): Promise<T>;

  /** Where this session's statements run. */
  protected abstract place(): { readonly transaction?: NativeTransaction };

  /** Hears of every statement that begins. */
  protected abstract track(statement: Promise<unknown>): void;

  /**
   * @hidden
   * @throws VarveError when the session has ended
   */
  protected abstract usable(): Shared;

  /** @hidden */
  protected where({ snapshot, batchRows }: QuerySettings): NativeQueryOptions {
    const shown = snapshot === undefined ? {} : { snapshot: this.#view(snapshot) };
    return { ...this.place(), ...shown, ...(batchRows === undefined ? {} : { batchRows }) };
  }

  #view(snapshot: unknown): NativeSnapshot {
    const { snapshots } = this.shared;
    const view = typeof snapshot === 'object' && snapshot !== null ? snapshots.get(snapshot) : undefined;
    if (view === undefined)
      throw new VarveError('ARGUMENT_INVALID', {
        message: 'the snapshot was not made by this database',
        hint: 'pass what db.snapshot() returned',
      });
    if (view === null) throw new VarveError('STORE_CLOSED', { message: 'the snapshot was released' });
    if (this.place().transaction !== undefined)
      throw new VarveError('ARGUMENT_INVALID', {
        message: 'a transaction shows its own state, and no snapshot',
        hint: 'read the snapshot outside of the transaction',
      });
    return view;
  }

  #send(table: string): Send {
    return async (ipc) => unwrap(await this.shared.native.append(table, ipc, this.place()));
  }
}

/** Refuses what is not a statement. @throws VarveError ARGUMENT_INVALID */
export function requireText(text: unknown): string {
  if (typeof text === 'string') return text;
  throw invalid(`SQL is text, or a fragment made by the tag sql, not ${shown(text)}`);
}

/** Refuses what names no table. @throws VarveError ARGUMENT_INVALID */
export function requireName(table: unknown): void {
  if (typeof table !== 'string' || table === '')
    throw invalid(`a table is given by its name, not ${shown(table)}`);
}

/** Refuses what cannot run in a transaction. @throws VarveError ARGUMENT_INVALID */
export function requireBody(body: unknown): void {
  if (typeof body !== 'function') throw invalid(`a transaction is a function, not ${shown(body)}`);
}

function isTableQuery<R extends object>(what: unknown): what is TableQuery<R> {
  return typeof what === 'object' && what !== null && 'plan' in what && !isFragment(what);
}

/** An engine that runs plans gets it as it is, others as SQL. */
function startPlan(native: NativeDatabase, given: unknown, where: NativeQueryOptions): NativeStarted {
  const plan = checkPlan(given);
  if (native.queryPlan !== undefined) return native.queryPlan(encodePlan(plan), where);
  const { text, values } = statementOf(renderPlan(plan));
  return native.query(text, nativeParams(values), where);
}

function statementFrom(
  text: unknown,
  params: SqlParameters | undefined,
): { readonly text: string; readonly params: SqlParameters | undefined } {
  if (isFragment(text)) {
    if (params !== undefined) throw invalid('a fragment has its values in it, and takes no parameters');
    const { text: written, values } = statementOf(text);
    return { text: written, params: values };
  }
  return { text: requireText(text), params };
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message });
}
