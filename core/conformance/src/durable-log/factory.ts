/** What the suite of the durable log needs to know of its subject. */
import type { DurableLog } from '@varve/interfaces';
import type { SeededRandom } from '../simulated/seeded-random.js';

/** Makes places for logs, and says which faults it can bring about there. */
export interface LogFactory {
  /** What a place can do; a case asserts that the rest is indeed missing. */
  readonly supports: {
    readonly losePower: boolean;
    readonly failSync: boolean;
    readonly flipBit: boolean;
  };
  /** A new empty place that nobody else uses; whoever made the factory cleans up. */
  place(): Promise<LogPlace>;
}

/** Where a log lives. */
export interface LogPlace {
  /** A log object on this place, not yet open. */
  create(): DurableLog;
  /** The power goes, under an open log too: it is abandoned, and what was not synced is dropped, reordered or torn. */
  losePower?(random: SeededRandom): Promise<void>;
  /** Makes the next sync of the open log fail. */
  failSync?(): void;
  /** Flips one bit of what is stored, while no log is open. @returns where, undefined when nothing is stored */
  flipBit?(random: SeededRandom): Promise<string | undefined>;
}

/** Opens a log on a place, runs `body`, and closes the log whatever happens. */
export async function withLog<T>(place: LogPlace, body: (log: DurableLog) => Promise<T>): Promise<T> {
  const log = place.create();
  await log.open();
  try {
    return await body(log);
  } finally {
    await log.close();
  }
}
