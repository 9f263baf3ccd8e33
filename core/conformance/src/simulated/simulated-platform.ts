/** A whole world for tests: time, chance, disk and memory in the hands of the test. */
import { type MemoryGauge, type MemoryPressure, memoryPressureFrom, type Platform } from '@varve/interfaces';
import { createSeededRandom, type SeededRandom } from './seeded-random.js';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedDisk } from './simulated-disk.js';

/** A platform whose parts are all simulated. */
export interface SimulatedPlatform extends Platform {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly disk: SimulatedDisk;
  readonly memory: SimulatedMemory;
}

/** Memory that a test sets. */
export class SimulatedMemory implements MemoryGauge {
  readonly #limitBytes: number;
  #usedBytes: number;

  constructor({ limitBytes, usedBytes }: { readonly limitBytes: number; readonly usedBytes: number }) {
    this.#limitBytes = limitBytes;
    this.#usedBytes = usedBytes;
  }

  limitBytes(): number {
    return this.#limitBytes;
  }

  usedBytes(): number {
    return this.#usedBytes;
  }

  pressure(): MemoryPressure {
    const share = this.#usedBytes / this.#limitBytes;
    if (share >= memoryPressureFrom.critical) return 'critical';
    return share >= memoryPressureFrom.high ? 'high' : 'low';
  }

  /** From now on the process uses this much. */
  use(usedBytes: number): void {
    this.#usedBytes = usedBytes;
  }
}

/** Creates a world that repeats from its seed: 64 MiB of memory, half of it used, and an empty disk. */
export function createSimulatedPlatform({ seed }: { readonly seed: number }): SimulatedPlatform {
  return {
    clock: new SimulatedClock(),
    random: createSeededRandom(seed),
    disk: new SimulatedDisk(),
    memory: new SimulatedMemory({ limitBytes: 64 << 20, usedBytes: 32 << 20 }),
  };
}
