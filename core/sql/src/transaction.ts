/**
 * A transaction, and the savepoints in it.
 *
 * Invariants
 * 1. It answers while its function runs and no nested one does.
 * 2. Nothing runs in it any more when it is committed or rolled back: what its function left running is waited for.
 */
import { type SqlTransaction, unwrap, VarveError } from '@varve/interfaces';
import type { NativeTransaction } from './native-face.js';
import { isQuery } from './query-result.js';
import { requireBody, Session, type Shared } from './session.js';

/** The database's own transaction, or a savepoint in one. */
export class Transaction extends Session implements SqlTransaction {
  readonly #native: NativeTransaction;
  readonly #depth: number;
  #state: 'open' | 'nested' | 'ended' = 'open';
  readonly #running = new Set<Promise<unknown>>();

  constructor(shared: Shared, native: NativeTransaction, depth = 0) {
    super(shared);
    this.#native = native;
    this.#depth = depth;
  }

  async run<T>(body: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    try {
      return await body(this);
    } finally {
      this.#state = 'ended';
      await Promise.all(this.#running);
    }
  }

  transaction<T>(body: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    const nested = this.#nest(body);
    this.track(nested);
    return nested;
  }

  async #nest<T>(body: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    this.usable();
    requireBody(body);
    const name = `varve_${this.#depth + 1}`;
    this.#state = 'nested';
    try {
      await this.#command(`SAVEPOINT ${name}`);
      const nested = new Transaction(this.shared, this.#native, this.#depth + 1);
      try {
        const result = await nested.run(body);
        await this.#command(`RELEASE SAVEPOINT ${name}`);
        return result;
      } catch (error) {
        // What failed first is what the caller must hear of; the outer transaction fails when this does.
        await this.#command(`ROLLBACK TO SAVEPOINT ${name}`).catch(() => undefined);
        throw error;
      }
    } finally {
      if (this.#isNested()) this.#state = 'open';
    }
  }

  protected override place(): { readonly transaction: NativeTransaction } {
    return { transaction: this.#native };
  }

  protected override track(statement: Promise<unknown>): void {
    const settled = statement.then(
      () => undefined,
      // Whoever asked for it hears of it.
      () => undefined,
    );
    this.#running.add(settled);
    void settled.then(() => this.#running.delete(settled));
  }

  protected override usable(): Shared {
    if (this.#state === 'open') return this.shared;
    throw new VarveError(
      'TRANSACTION_STATE',
      this.#state === 'ended'
        ? { message: 'the transaction has ended', hint: 'await every statement within its function' }
        : { message: 'a nested transaction is open', hint: 'use the nested one until its function ends' },
    );
  }

  #isNested(): boolean {
    return this.#state === 'nested';
  }

  async #command(text: string): Promise<void> {
    const started = this.shared.native.query(text, { values: [] }, this.place());
    if (!isQuery(started)) return void unwrap(started);
    unwrap(await started.start());
    started.cancel();
  }
}
