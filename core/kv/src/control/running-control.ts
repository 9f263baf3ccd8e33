/**
 * The loop of one open store: the controller over its plant, a timer that drives it, and the journal's file.
 *
 * Invariants
 * 1. The timer never keeps the process alive, and no step starts after `stop`.
 * 2. A new processor or instruction set is a signal: what was measured elsewhere is measured again here.
 */
import { cpus } from 'node:os';
import { type ControllerOptions, createController, Journal } from '@varve/control';
import type { Controller, ControlMode, Evidence } from '@varve/interfaces';
import type { NativeStore } from '@varve/native-embedded';
import { JournalFile, policyLeftBy } from './journal-file.js';
import { createStorePlant } from './store-plant.js';

/** How the self-tuning loop of a store runs. */
export interface ControlOptions
  extends Omit<ControllerOptions, 'plant' | 'now' | 'mode' | 'journal' | 'firstSignal'> {
  /** How far it may go. Default `auto`. */
  readonly mode?: ControlMode;
  /** Milliseconds between two looks at the counters; 0 for none, then only `step()` drives it. Default 1000. */
  readonly stepMs?: number;
}

/** What the loop needs of its store. */
export interface ControlledStore {
  readonly location: string;
  readonly native: NativeStore;
  readonly compact: () => Promise<void>;
  /** Hears of a step that failed; the journal tells the rest. */
  readonly onError: (error: Error) => void;
}

/** A loop that runs until it is stopped. */
export interface RunningControl {
  readonly controller: Controller;
  /** No further step; resolves when the one under way has ended. To be called once the native store is closing. */
  stop(): void;
  settled(): Promise<void>;
}

/** Reads what earlier runs left, restores their policy, and starts the timer. */
export async function startControl(store: ControlledStore, options: ControlOptions): Promise<RunningControl> {
  const { mode = 'auto', stepMs = 1000, ...rest } = options;
  const file = new JournalFile(store.location);
  const plant = createStorePlant(store.native, store.compact);
  if (mode === 'off') {
    const controller = createController({ ...rest, plant, now: Date.now, mode });
    return { controller, stop: () => {}, settled: async () => {} };
  }
  const kept = await file.read();
  const hardware = hardwareOf(store.native);
  if (kept.hardware !== hardware) file.append({ hardware });
  const policy = policyLeftBy(kept.entries);
  if (policy !== undefined && mode === 'auto') plant.setPolicy(policy);
  const controller = createController({
    ...rest,
    plant,
    now: Date.now,
    mode,
    journal: new Journal(kept.entries, (entry) => file.append(entry)),
    ...(kept.hardware === undefined || kept.hardware === hardware ? {} : { firstSignal: changedHardware }),
  });
  let last: Promise<void> = Promise.resolve();
  const step = (): void => {
    last = controller.step().catch((error: unknown) => {
      if (timer !== undefined) store.onError(error instanceof Error ? error : new Error(String(error)));
    });
  };
  let timer = stepMs > 0 ? setInterval(step, stepMs).unref() : undefined;
  return {
    controller,
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
    async settled() {
      await last;
      await file.settled();
    },
  };
}

const changedHardware: Evidence = { signal: 'hardware', value: 1, threshold: 0, history: [] };

/** What measured choices depend on: processor, cores, architecture, instruction set of lookups. */
function hardwareOf(native: NativeStore): string {
  const [first] = cpus();
  return [
    first?.model.trim() ?? 'unknown',
    `${cpus().length} cores`,
    process.arch,
    native.instructionSet(),
  ].join(', ');
}
