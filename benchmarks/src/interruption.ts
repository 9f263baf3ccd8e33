/** Lets a suite end in order when the user or the system stops it: its finished parts are kept, its programs ended. */
import { endPrograms } from './command.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof signals)[number];

/** The user or the system stopped the run. */
export class Interrupted extends Error {
  readonly signal: Signal;

  constructor(signal: Signal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/**
 * Ends this process as the failure asks: with code 1, or by the signal that stopped it. To exit would then wait for the
 * threads of an engine, and one that waits for its transaction waits for ever.
 */
export function endProcess(failure: unknown): void {
  if (failure instanceof Interrupted) process.kill(process.pid, failure.signal);
  else process.exit(1);
}

/**
 * Waits for `work`, or for a signal. A part that computes without waiting is only left when it comes to a wait; what it
 * does after that is nobody's business, and its programs are ended.
 *
 * @throws Interrupted at a signal
 */
export async function untilInterrupted<T>(work: Promise<T>): Promise<T> {
  let stop: (signal: Signal) => void = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = (signal) => reject(new Interrupted(signal));
  });
  for (const signal of signals) process.on(signal, stop);
  try {
    return await Promise.race([work, stopped]);
  } catch (error) {
    if (error instanceof Interrupted) await endPrograms();
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}
