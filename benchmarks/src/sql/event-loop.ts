/** How long JavaScript is kept from running while something works. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { quiet } from '../quiet.js';

export interface Watched {
  readonly ms: number;
  /** The longest time that the event loop did not turn, ms. */
  readonly blockedMs: number;
}

const resolutionMs = 1;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * Times some work while a timer of libuv, which runs no JavaScript and so takes nothing from the work, asks every
 * millisecond to be called: how late it is called is how long the loop was blocked. Garbage of before is collected
 * first: what one engine leaves would block the loop for the next.
 */
export async function watchLoop(work: () => unknown): Promise<Watched> {
  collectGarbage();
  await quiet();
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  // A first call gives the second one something to be late after.
  await turnOfLoop();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  // The timer is late only once the loop turns again.
  await turnOfLoop();
  delays.disable();
  return { ms, blockedMs: Math.max(0, delays.max / 1e6 - resolutionMs) };
}

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5 * resolutionMs));
