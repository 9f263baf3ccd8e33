/** Lets a suite end in order when the user or the system stops it: its finished parts are kept, its programs ended. */
import { endPrograms } from './command.js';

/** The user or the system stopped the run. */
export class Interrupted extends Error {}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Waits for `work`, or for a signal. A part that computes without waiting is only left when it comes to a wait; what it
 * does after that is nobody's business, and its programs are ended.
 *
 * @throws Interrupted at a signal
 */
export async function untilInterrupted<T>(work: Promise<T>): Promise<T> {
  let stop: (signal: string) => void = () => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = (signal) => reject(new Interrupted(`stopped by ${signal}`));
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
