/**
 * The platform that Node gives. Tiers inject it; tests inject a simulated one.
 *
 * It has no state of its own but the disk's queues: two of them may live side by side.
 */
import { randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { type Clock, delayMsMax, type Platform, type Random, VarveError } from '@varve/interfaces';
import { NodeDisk } from './node-disk.js';
import { nodeMemory } from './node-memory.js';

/** Creates the platform of this process. */
export function createNodePlatform(): Platform {
  return { clock: nodeClock, random: createNodeRandom(), disk: new NodeDisk(), memory: nodeMemory };
}

const nodeClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    if (!(delayMs >= 0 && delayMs <= delayMsMax)) {
      throw new VarveError('ARGUMENT_INVALID', { message: `a delay of ${delayMs} ms is not in 0..2^31-1` });
    }
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      timer = setTimeout(run, Math.ceil(dueMs - performance.now()));
      timer.unref();
    };
    // Node counts whole milliseconds of a clock of its own, and may be up to one early.
    const run = (): void => {
      if (performance.now() < dueMs) wait();
      else task();
    };
    wait();
    return () => clearTimeout(timer);
  },
};

/** Draws from a block of random bytes: one call of the system per thousand numbers. */
function createNodeRandom(): Random {
  const block = new Uint32Array(1024);
  let used = block.length;
  return {
    uint32() {
      if (used === block.length) {
        randomFillSync(block);
        used = 0;
      }
      const value = block[used] ?? 0;
      used += 1;
      return value;
    },
    fill(bytes) {
      randomFillSync(bytes);
    },
  };
}
