/**
 * Writes of a store whose log is not the native one: log, apply, acknowledge, and fold.
 *
 * Invariants
 * 1. Commits are numbered, logged, applied and acknowledged in the order of the calls.
 * 2. A commit is applied only when the log has it, and acknowledged only when reads see it.
 * 3. Nothing is logged that the store would not apply: the store checks a batch before it is logged.
 * 4. A fold goes live in the store only after the log has its catalogue.
 * 5. At most `queueBytesMax` bytes of batches, or one batch, are between here and their acknowledgement; what is written
 *    meanwhile waits for its number. So the log never finds its own queue full, and memory is bounded while a fold is slow.
 */

import { type Acknowledgement, type Durability, type DurableLog, VarveError } from '@varve/interfaces';
import type { BatchWriter } from '../native-writer.js';

/** What is asked of the store; each call throws a `VarveError`. */
export interface ExternalStore {
  /** The catalogue as it stands, opaque. */
  catalogue(): Uint8Array;
  /** True when `apply` would not wait. Errors: `ARGUMENT_INVALID` and the limits when the batch is not a sound one. */
  canApply(batch: Uint8Array): boolean;
  apply(batch: Uint8Array, sequence: number): void;
  foldCommitted(ticket: number): void;
  foldFailed(ticket: number): void;
}

/** The store's wish to replace its catalogue. */
export interface Fold {
  readonly ticket: number;
  readonly catalogue: Uint8Array;
  readonly foldedSequence: number;
}

interface Write {
  readonly batch: Uint8Array;
  readonly durability: Durability;
  readonly resolve: (acknowledgement: Acknowledgement) => void;
  readonly reject: (error: unknown) => void;
}

interface Logged extends Write {
  readonly sequence: number;
}

/** Pause before `canApply` is asked again when no fold came, ms: the store may have made room by itself. */
const retryMs = 20;

export class ExternalWriter implements BatchWriter {
  readonly #log: DurableLog;
  readonly #store: ExternalStore;
  readonly #queueBytesMax: number;
  /** Last commit handed to the log. */
  #sequence = 0;
  /** How often the log refused: what was numbered before the last time goes on with other numbers, or not at all. */
  #refusals = 0;
  /** Without a number until there is room; oldest first. */
  readonly #held: Write[] = [];
  /** In the log, not applied yet; oldest first. */
  readonly #logged: Logged[] = [];
  /** Bytes of batches that have a number and no answer. */
  #bytes = 0;
  /** Writes without an answer. */
  #underWay = 0;
  #isGoingOn = false;
  #failure: VarveError | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Called when something moved on: a fold, an acknowledgement, a failure. */
  #waiters: (() => void)[] = [];

  constructor(log: DurableLog, store: ExternalStore, queueBytesMax: number) {
    this.#log = log;
    this.#store = store;
    this.#queueBytesMax = queueBytesMax;
  }

  /**
   * Brings the store up to the log: the first catalogue of a new log is stored, every logged commit applied.
   *
   * @param foldedSequence last commit that the store's segments hold
   * @param progress hears of each commit applied
   * @returns the last commit
   */
  async start(foldedSequence: number, progress?: (sequence: number) => void): Promise<number> {
    this.#sequence = foldedSequence;
    if (this.#log.catalogue() === undefined) {
      await this.#log.fold(this.#store.catalogue(), 0);
    }
    for await (const { sequence, batch } of this.#log.replay()) {
      while (!this.#store.canApply(batch) || !this.#applied(batch, sequence)) {
        await this.#change();
      }
      this.#sequence = sequence;
      progress?.(sequence);
    }
    return this.#sequence;
  }

  /**
   * Logs `batch` as the next commit, once there is room for it, applies it and acknowledges it.
   *
   * @param packed a packed batch; it is copied before the call returns
   */
  write(packed: Uint8Array, durability: Durability): Promise<Acknowledgement> {
    try {
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
      this.#store.canApply(packed);
    } catch (error) {
      return Promise.reject(error);
    }
    const batch = Uint8Array.prototype.slice.call(packed);
    this.#underWay += 1;
    return new Promise((resolve, reject) => {
      const write = { batch, durability, resolve, reject };
      if (this.#held.length === 0 && this.#hasRoom(batch)) this.#append(write);
      else this.#held.push(write);
    });
  }

  /** Answers the store's wish to fold; a failure is the store's to retry. */
  async fold({ ticket, catalogue, foldedSequence }: Fold): Promise<void> {
    try {
      await this.#log.fold(catalogue, foldedSequence);
    } catch {
      this.#store.foldFailed(ticket);
      return;
    }
    this.#store.foldCommitted(ticket);
    this.#applyLogged();
    this.#moved();
  }

  /** Waits until everything written so far is acknowledged or refused. */
  async drain(): Promise<void> {
    while (this.#underWay > 0) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #hasRoom(batch: Uint8Array): boolean {
    return this.#bytes === 0 || this.#bytes + batch.length <= this.#queueBytesMax;
  }

  #append({ batch, durability, resolve, reject }: Write): void {
    const sequence = this.#sequence + 1;
    this.#sequence = sequence;
    this.#bytes += batch.length;
    const refusals = this.#refusals;
    this.#log.append({ sequence, batch }, durability).then(
      (reached) => {
        this.#logged.push({ sequence, batch, durability: reached, resolve, reject });
        this.#applyLogged();
      },
      (error: unknown) => {
        // The log refuses everything behind a commit that it refused, so the numbers go on from the first of them.
        if (refusals === this.#refusals) {
          this.#refusals += 1;
          this.#sequence = sequence - 1;
        }
        this.#settle(batch, () => reject(error));
      },
    );
  }

  /** Logs what waited for room, as far as there is any. */
  #goOn(): void {
    this.#isGoingOn = false;
    let count = 0;
    for (const write of this.#held) {
      if (this.#failure !== undefined) {
        this.#underWay -= 1;
        write.reject(this.#failure);
      } else if (this.#hasRoom(write.batch)) this.#append(write);
      else break;
      count += 1;
    }
    this.#held.splice(0, count);
    this.#moved();
  }

  #applyLogged(): void {
    clearTimeout(this.#retry);
    let applied = 0;
    for (const logged of this.#logged) {
      const { sequence, batch, durability } = logged;
      try {
        if (this.#failure !== undefined) {
          throw this.#failure;
        }
        if (!this.#store.canApply(batch) || !this.#applied(batch, sequence)) {
          this.#retry = setTimeout(() => this.#applyLogged(), retryMs);
          break;
        }
        this.#settle(batch, () => logged.resolve({ sequence, durability }));
      } catch (error) {
        this.#failure ??= new VarveError('STORE_POISONED', {
          message: `commit ${sequence} is in the log, but the store could not apply it`,
          hint: 'close the store and open it again',
          cause: error,
        });
        const failure = this.#failure;
        this.#settle(batch, () => logged.reject(failure));
      }
      applied += 1;
    }
    this.#logged.splice(0, applied);
  }

  /** False when a flush on another thread took the room that `canApply` saw. */
  #applied(batch: Uint8Array, sequence: number): boolean {
    try {
      this.#store.apply(batch, sequence);
      return true;
    } catch (error) {
      if (error instanceof VarveError && error.code === 'LIMIT_EXCEEDED') return false;
      throw error;
    }
  }

  #settle(batch: Uint8Array, answer: () => void): void {
    this.#bytes -= batch.length;
    this.#underWay -= 1;
    answer();
    this.#moved();
    if (this.#held.length > 0 && !this.#isGoingOn) {
      this.#isGoingOn = true;
      // Once for everything that is answered together.
      queueMicrotask(() => this.#goOn());
    }
  }

  /** Resolves when something moved on, or after a pause. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      const pause = setTimeout(resolve, retryMs);
      this.#waiters.push(() => {
        clearTimeout(pause);
        resolve();
      });
    });
  }

  #moved(): void {
    if (this.#waiters.length > 0) {
      const waiters = this.#waiters;
      this.#waiters = [];
      for (const wake of waiters) {
        wake();
      }
    }
  }
}
