/**
 * Keeps the event loop turning while a commit becomes durable, and looks at each turn whether it has.
 *
 * A loop without work sleeps, and to be woken takes it some 50 us: a third of what a commit takes on a fast disk. While it
 * turns, whatever else comes has its turn as before. That costs processor time, so it is done only where commits take no
 * longer than that is worth, and where another processor is there for those who work.
 */
import { availableParallelism } from 'node:os';
import type { Clock } from '@varve/interfaces';

/** The loop turns for commits that take no longer, and no longer than this. */
const commitMsMax = 1;

/** Whether of a statement only the commit is left. */
type IsCommitting = () => boolean;

interface Waiting {
  readonly isCommitting: IsCommitting;
  readonly untilMs: number;
  readonly end: () => void;
}

export class CommitWaits {
  readonly #clock: Clock;
  readonly #isAlone = availableParallelism() === 1;
  #waiting: readonly Waiting[] = [];
  /** How long the last commit took. */
  #lastMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param answer asks for the answer of a statement; it wakes the loop up when that is not there yet */
  async during<T>(isCommitting: IsCommitting, answer: () => Promise<T>): Promise<T> {
    const begunMs = this.#clock.monotonicMs();
    try {
      if (this.#lastMs <= commitMsMax && !this.#isAlone)
        await this.#looked(isCommitting, begunMs + commitMsMax);
      return await answer();
    } finally {
      this.#lastMs = this.#clock.monotonicMs() - begunMs;
    }
  }

  /** Resolves when the commit is durable, or it is time to sleep. */
  #looked(isCommitting: IsCommitting, untilMs: number): Promise<void> {
    return new Promise((end) => {
      if (this.#waiting.length === 0) setImmediate(this.#turn);
      this.#waiting = [...this.#waiting, { isCommitting, untilMs, end }];
    });
  }

  readonly #turn = (): void => {
    const now = this.#clock.monotonicMs();
    const waiting: Waiting[] = [];
    for (const each of this.#waiting) {
      if (each.isCommitting() && now < each.untilMs) waiting.push(each);
      else each.end();
    }
    this.#waiting = waiting;
    if (waiting.length > 0) setImmediate(this.#turn);
  };
}
