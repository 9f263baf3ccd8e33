/** Transactions and snapshots of DuckDB; savepoints and failed statements replay the transaction. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Failed } from '@varve/interfaces';
import type { NativeParams, NativeSnapshot, NativeTransaction } from '@varve/sql';
import { outcome } from './outcome.js';
import { bound } from './values.js';

/** What a transaction tells its database. */
export interface TransactionOwner {
  /** It has ended; tables may have changed. */
  ended(transaction: Transaction): Promise<void>;
}

/** A view of one moment. */
export class Snapshot implements NativeSnapshot {
  readonly opened: Promise<DuckDBConnection>;
  constructor(opened: Promise<DuckDBConnection>) {
    this.opened = opened;
  }
  release(): void {
    void this.opened.then((connection) => connection.closeSync());
  }
}

/** A transaction on a connection of its own. */
export class Transaction implements NativeTransaction {
  readonly connection: DuckDBConnection;
  readonly #owner: TransactionOwner;
  #log: { readonly sql: string; readonly params: NativeParams }[] = [];
  readonly #savepoints = new Map<string, number>();

  constructor(owner: TransactionOwner, connection: DuckDBConnection) {
    this.#owner = owner;
    this.connection = connection;
  }

  /** Runs what only a transaction has. @returns false for anything else */
  async command(sql: string): Promise<boolean> {
    const [, verb, name = ''] = /^(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) (\w+)$/.exec(sql) ?? [];
    if (verb === 'SAVEPOINT') this.#savepoints.set(name, this.#log.length);
    if (verb === 'ROLLBACK TO SAVEPOINT') {
      this.#log = this.#log.slice(0, this.#savepoints.get(name));
      await this.replay();
    }
    return verb !== undefined;
  }

  record(sql: string, params: NativeParams): void {
    this.#log.push({ sql, params });
  }

  /** DuckDB ends a transaction whose statement failed: begin again, as it was. */
  async replay(): Promise<void> {
    await this.connection.run('ROLLBACK').catch(() => undefined);
    await beginHere(this.connection);
    for (const { sql, params } of this.#log) await this.connection.run(sql, ...bound(params));
  }

  async commit(): Promise<undefined | Failed> {
    return outcome(async () => {
      await this.connection.run('COMMIT');
      await this.#end();
      return undefined;
    });
  }

  async rollback(): Promise<undefined> {
    await this.connection.run('ROLLBACK').catch(() => undefined);
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#owner.ended(this);
  }
}

/** Begins, with the snapshot of now. */
export async function beginHere(connection: DuckDBConnection): Promise<void> {
  await connection.run('BEGIN');
  // Reading anything makes DuckDB take its snapshot.
  await connection.run('SELECT count(*) FROM information_schema.tables');
}
