/**
 * An explicit snapshot: abstract-level's token around a native view.
 *
 * Invariant: a store answers from its own snapshots only; `snapshotOf` is the one way to the view that a read asks for.
 */

import { type StoreSnapshot, VarveError } from '@varve/interfaces';
import type { NativeSnapshot, NativeStore } from '@varve/native-embedded';
import { type AbstractLevel, AbstractSnapshot } from 'abstract-level';
import { PointReads } from './point-reads.js';

// abstract-level's types leave out the constructor's option.
const Base = AbstractSnapshot as new (options: {
  readonly owner: AbstractLevel<Uint8Array, unknown, unknown>;
}) => AbstractSnapshot;

export class Snapshot extends Base implements StoreSnapshot {
  /** The store that it shows; abstract-level's owner may be one of its sublevels. */
  readonly #db: object;
  readonly #store: NativeStore;
  readonly #view: NativeSnapshot;
  #reads: PointReads | undefined;

  /** @param owner closes it when it closes itself: `db`, or a sublevel of it */
  constructor(db: object, store: NativeStore, owner: AbstractLevel<Uint8Array, unknown, unknown>) {
    super({ owner });
    this.#db = db;
    this.#store = store;
    this.#view = store.snapshot();
  }

  get sequence(): number {
    return this.#view.sequence;
  }

  isOf(db: object): boolean {
    return this.#db === db;
  }

  get isOpen(): boolean {
    return this.#view.sequence >= 0;
  }

  /** For native calls; they answer `STORE_CLOSED` once it is closed. */
  get view(): NativeSnapshot {
    return this.#view;
  }

  /** Bound on first use: most snapshots serve iterators only. */
  get reads(): PointReads {
    this.#reads ??= new PointReads(this.#store, this.#view);
    return this.#reads;
  }

  async _close(): Promise<void> {
    this.#reads = undefined;
    this.#view.close();
  }
}

/** The snapshot of a read's options. @throws VarveError ARGUMENT_INVALID when another store made it */
export function snapshotOf(db: object, snapshot: unknown): Snapshot | undefined {
  if (snapshot === undefined || (snapshot instanceof Snapshot && snapshot.isOf(db))) return snapshot;
  throw new VarveError('ARGUMENT_INVALID', {
    message: 'the snapshot was not made by this store',
    hint: 'pass what db.snapshot() returned',
  });
}
