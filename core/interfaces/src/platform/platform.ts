/**
 * The platform's contract: everything that a part of Varve may ask of the world around it.
 *
 * It always arrives as an argument, so that a test can put a simulated world in its place. It is not a wrapper of
 * Node: a part that needs more than this says so here first. Native code has a file layer of its own (`Files` in
 * `varve_kv`); `Disk` is what the TypeScript parts need, which is small whole files and append-only ones.
 */

/** The world that a part of Varve stands on. */
export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly memory: MemoryGauge;
}

/** Time of day, elapsed time, and waiting. */
export interface Clock {
  /** Milliseconds since the epoch, UTC. It may jump either way when somebody sets the clock: for records only. */
  wallMs(): number;
  /** Milliseconds since some fixed moment, with a fraction; never falls. For measuring and for waiting. */
  monotonicMs(): number;
  /**
   * Runs `task` once, not before `delayMs` of monotonic time have passed, and never inside this call.
   *
   * A waiting task does not keep the process alive.
   *
   * @param delayMs 0 to 2^31 - 1
   * @returns cancels the task when called before it ran; later calls do nothing
   * @throws VarveError `ARGUMENT_INVALID` for another delay
   */
  after(delayMs: number, task: () => void): () => void;
}

/** A source of random numbers. It need not be unpredictable: keys and secrets are not made from it. */
export interface Random {
  /** Uniform in 0..2^32-1. */
  uint32(): number;
  /** Fills all of `bytes`, which stays the caller's. */
  fill(bytes: Uint8Array): void;
}

/**
 * Small files by path, `/` between folders.
 *
 * Invariants
 * 1. What `sync` or `replace` acknowledged survives power loss; what was only appended survives the process.
 * 2. After power loss a replaced file has its old or its new content, never a mix.
 * 3. After power loss an appended file holds everything synced; of the rest, any part of it may be there, torn.
 */
export interface Disk {
  /**
   * Reads a whole file.
   *
   * @returns a new array that the caller owns; undefined when there is no such file
   * Errors: `LIMIT_EXCEEDED` when the file is longer than `byteCountMax`, `STORE_DESCRIPTORS`, `STORE_IO`.
   */
  read(path: string, options: { readonly byteCountMax: number }): Promise<Uint8Array | undefined>;
  /**
   * Adds `bytes` to the end of a file, creating it and its folders. `bytes` may be used again when it resolves.
   *
   * Errors: `STORE_FULL`, `STORE_UNWRITABLE`, `STORE_DESCRIPTORS`, `STORE_IO`.
   */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /**
   * Makes the file, its name and everything appended so far durable.
   *
   * Errors: `STORE_IO`, also when there is no such file. After a failed sync what is on disk is unknown.
   */
  sync(path: string): Promise<void>;
  /** Sets the whole content of a file durably, creating it and its folders. Errors: as `append` and `sync`. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file durably; a missing file is removed already. Errors: `STORE_UNWRITABLE`, `STORE_IO`. */
  remove(path: string): Promise<void>;
  /** Names of the files directly in a folder, ascending by UTF-16 code units; empty when there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
}

/** How much memory the process may use, and how scarce it is. */
export interface MemoryGauge {
  /** What the process may use at most, bytes: the least of physical memory and the limits set on the process. */
  limitBytes(): number;
  /** What it uses now (resident), bytes. */
  usedBytes(): number;
  /** How scarce memory is: `low` below 3/4 of the limit in use, `high` from 3/4, `critical` from 9/10. */
  pressure(): MemoryPressure;
}

/** Scarcity of memory: `high` asks to shrink caches, `critical` to refuse new work that needs more. */
export type MemoryPressure = 'low' | 'high' | 'critical';

/** Shares of the limit, 0..1, at which memory pressure becomes `high` and `critical`. */
export const memoryPressureFrom: { readonly high: number; readonly critical: number } = {
  high: 0.75,
  critical: 0.9,
};

/** Longest delay that `Clock.after` takes, ms. */
export const delayMsMax: number = 2 ** 31 - 1;
