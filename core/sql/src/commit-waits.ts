/**
 * Keeps the event loop turning while it waits for a commit to become durable.
 *
 * A loop without work sleeps, and to be woken takes it some 50 us: a third of what a commit takes on a fast disk. While it
 * turns, whatever else comes has its turn as before. That costs processor time, so it is done only where commits take no
 * longer than that is worth, and where another processor is there for those who work.
 */
import { availableParallelism } from 'node:os';
import type { Clock } from '@varve/interfaces';

/** The loop turns for commits that take no longer, and no longer than this. */
const commitMsMax = 0.5;

export class CommitWaits {
  readonly #clock: Clock;
  readonly #isAlone = availableParallelism() === 1;
  #open = 0;
  #isTurning = false;
  #untilMs = 0;
  /** How long the last commit took. */
  #lastMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits for the answer of a statement of which only the commit is left. */
  async during<T>(commit: Promise<T>): Promise<T> {
    const begunMs = this.#clock.monotonicMs();
    this.#open += 1;
    if (this.#lastMs <= commitMsMax && !this.#isAlone) {
      this.#untilMs = begunMs + commitMsMax;
      if (!this.#isTurning) this.#turn();
    }
    try {
      return await commit;
    } finally {
      this.#open -= 1;
      this.#lastMs = this.#clock.monotonicMs() - begunMs;
    }
  }

  readonly #turn = (): void => {
    this.#isTurning = this.#open > 0 && this.#clock.monotonicMs() < this.#untilMs;
    if (this.#isTurning) setImmediate(this.#turn);
  };
}
