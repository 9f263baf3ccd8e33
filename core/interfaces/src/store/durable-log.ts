/**
 * The durable log's contract: what is acknowledged but not yet folded into segments.
 *
 * Invariants
 * 1. `append` with `synced` resolves only when the batch survives power loss.
 * 2. Batches replay in the order of their sequences, without gaps; what fails its checksum is reported
 *    (`STORE_DAMAGED`), never left out.
 * 3. `fold` stores the catalogue and drops the folded batches in one durable step.
 * 4. After a failed sync every later write fails with `STORE_POISONED`.
 */
import type { Durability } from './key-value-store.js';

/** One logged commit. */
export interface LoggedCommit {
  readonly sequence: number;
  /** A packed batch, byte for byte what was appended; valid until the next one is read. */
  readonly batch: Uint8Array;
}

/** What is acknowledged but not yet folded; the invariants stand at the head of this file. */
export interface DurableLog {
  /** Opens or creates the log. Errors: `STORE_LOCKED`, `STORE_DAMAGED`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`. */
  open(): Promise<void>;
  /** The catalogue stored last; undefined in a new log. */
  catalogue(): Uint8Array | undefined;
  /**
   * Every commit after the folded ones, oldest first. A log that holds commits must be replayed to its end before
   * anything is appended: only then is it known where it ends. Commits that were given out may be folded meanwhile.
   *
   * Errors: `STORE_DAMAGED` when a synced commit is missing or changed, at the latest at the end.
   */
  replay(): AsyncIterable<LoggedCommit>;
  /**
   * Appends commits in order; calls that arrive together share one sync.
   *
   * Errors: `STORE_FULL` when nothing was written: this and every later waiting commit is refused, and the next one to
   * append is again the last written plus 1. `STORE_IO` when writing failed; from then on `STORE_POISONED`.
   * `LIMIT_EXCEEDED` when too much waits already.
   *
   * @param commit its sequence is the last one plus 1; the batch must not change until the call is answered
   * @returns what was reached; a `fast` commit that shared a synced group says `synced`
   */
  append(commit: LoggedCommit, durability: Durability): Promise<Durability>;
  /**
   * Stores `catalogue` and drops every commit up to `foldedSequence`, which may still be on its way to the disk. Folds
   * happen in the order of the calls.
   */
  fold(catalogue: Uint8Array, foldedSequence: number): Promise<void>;
  /** Writes what waits, syncs everything and lets go of the folder. */
  close(): Promise<void>;
}
