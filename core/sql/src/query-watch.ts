/**
 * Looks after a running query: tells its progress while somebody waits for it, and hands a signal's abort on.
 *
 * Invariant: after `end` nothing of it is left on the signal or the clock.
 */
import { type Clock, type QueryProgress, VarveError } from '@varve/interfaces';
import type { NativeQuery } from './native-face.js';
import type { QuerySettings } from './options.js';

const progressEveryMs = 100;

export class QueryWatch {
  readonly #query: NativeQuery;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #progress: ((progress: QueryProgress) => void) | undefined;
  readonly #onAbort = (): void => this.#query.cancel();

  constructor(query: NativeQuery, { signal, progress }: QuerySettings, clock: Clock) {
    this.#query = query;
    this.#clock = clock;
    this.#signal = signal;
    this.#progress = progress;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Waits for a call of the engine, telling progress meanwhile and after it. */
  during<T>(call: Promise<T>): Promise<T> {
    return this.#progress === undefined ? call : this.#told(call);
  }

  async #told<T>(call: Promise<T>): Promise<T> {
    let stop = (): void => undefined;
    const again = (): void => {
      this.#tell();
      stop = this.#clock.after(progressEveryMs, again);
    };
    stop = this.#clock.after(progressEveryMs, again);
    try {
      return await call;
    } finally {
      stop();
      this.#tell();
    }
  }

  end(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  /** A failure as the caller sees it: one that a signal caused has the signal's reason as its cause. */
  explained(error: unknown): unknown {
    const isCancelled = error instanceof VarveError && error.code === 'QUERY_CANCELLED';
    return isCancelled && this.#signal?.aborted === true ? cancelled(this.#signal.reason) : error;
  }

  #tell(): void {
    try {
      this.#progress?.(this.#query.progress());
    } catch {
      // A display that fails must not fail the query.
    }
  }
}

/** The error of a query that its caller stopped. */
export function cancelled(cause?: unknown): VarveError {
  const details = { message: 'the query was cancelled' };
  return new VarveError('QUERY_CANCELLED', cause === undefined ? details : { ...details, cause });
}
