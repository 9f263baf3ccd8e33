/** A clock that moves only when a test moves it. */
import { type Clock, delayMsMax, VarveError } from '@varve/interfaces';

interface Waiting {
  readonly dueMs: number;
  readonly task: () => void;
}

/** Time that stands still between `advance` calls. */
export class SimulatedClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #waiting: Waiting[] = [];

  /** @param wallMs where the time of day begins, ms since the epoch */
  constructor(wallMs: number = Date.UTC(2026, 0, 1)) {
    this.#wallMs = wallMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, task: () => void): () => void {
    if (!(delayMs >= 0 && delayMs <= delayMsMax)) {
      throw new VarveError('ARGUMENT_INVALID', { message: `a delay of ${delayMs} ms is not in 0..2^31-1` });
    }
    const waiting: Waiting = { dueMs: this.#monotonicMs + delayMs, task };
    this.#waiting.push(waiting);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
    };
  }

  /** Lets time pass and runs what falls due, the earliest first, tasks of one moment in the order they came. */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      const due = this.#waiting.filter(({ dueMs }) => dueMs <= endMs);
      const [first] = due.toSorted((left, right) => left.dueMs - right.dueMs);
      if (first === undefined) break;
      this.#moveTo(first.dueMs);
      this.#waiting = this.#waiting.filter((other) => other !== first);
      first.task();
    }
    this.#moveTo(endMs);
  }

  /** Somebody sets the time of day; monotonic time does not notice. */
  setWall(wallMs: number): void {
    this.#wallMs = wallMs;
  }

  /** Tasks that wait. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
