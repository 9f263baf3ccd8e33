/** A transaction between BEGIN and COMMIT as somebody types them, over the contract's transaction function. */
import type { SqlEngine, SqlTransaction } from '@varve/interfaces';

export class HeldTransaction {
  readonly session: SqlTransaction;
  readonly #finished: Promise<void>;
  readonly #finish: () => void;
  readonly #giveUp: () => void;

  private constructor(
    session: SqlTransaction,
    finished: Promise<void>,
    finish: () => void,
    giveUp: () => void,
  ) {
    this.session = session;
    this.#finished = finished;
    this.#finish = finish;
    this.#giveUp = giveUp;
  }

  static async begin(engine: SqlEngine): Promise<HeldTransaction> {
    let finish = (): void => undefined;
    let giveUp = (): void => undefined;
    const end = new Promise<void>((resolve, reject) => {
      finish = resolve;
      giveUp = () => reject(givenUp);
    });
    return new Promise<HeldTransaction>((resolve, reject) => {
      const finished = engine.transaction((session) => {
        // The executor of this promise has run by the time that a function of the engine's is called.
        queueMicrotask(() => resolve(new HeldTransaction(session, finished, finish, giveUp)));
        return end;
      });
      finished.catch(reject);
    });
  }

  /** Rejects as the engine's commit does. */
  async commit(): Promise<void> {
    this.#finish();
    await this.#finished;
  }

  async rollback(): Promise<void> {
    this.#giveUp();
    await this.#finished.catch((error: unknown) => {
      if (error !== givenUp) throw error;
    });
  }
}

const givenUp = new Error('rolled back');
