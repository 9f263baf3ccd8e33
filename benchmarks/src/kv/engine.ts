/**
 * What suite `kv` asks of an engine. Each engine has its own loops, in the calls its documentation names as fastest,
 * so that no timed loop is shared between engines of different shape.
 *
 * Everything an engine needs in its own form (packed keys, arrays of operations) is made by the `prepare…` calls
 * outside the clock; what they return is timed.
 */
import type { Digest } from '../digest.js';

/** A timed question. It returns a checksum that touches every answer; with `answers` it also digests them. */
export type Question = (answers?: Digest) => number | Promise<number>;

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface Engine {
  readonly name: string;
  readonly folder: string;
  /** Applies one atomic batch, acknowledged without waiting for the disk. */
  write(batch: readonly Entry[]): Promise<void> | void;
  /** One put, acknowledged without waiting for the disk. */
  put(key: Buffer, value: Buffer): Promise<unknown> | undefined;
  /** One put, acknowledged when it survives power loss. */
  putSynced(key: Buffer, value: Buffer): Promise<unknown> | undefined;
  /** Waits for background work and takes the smallest form the engine offers. */
  compact(): Promise<void> | void;
  /** @returns the value's length plus its first byte; -1 when there is none */
  get(key: Buffer): number;
  /** Reads up to `limit` entries from `key` on; returns their checksum. */
  range(key: Buffer, limit: number): number | Promise<number>;
  preparePoints(keys: readonly Buffer[]): Question;
  /** One question that asks for all keys in batches of `size`. */
  prepareBatches(keys: readonly Buffer[], size: number): Question;
  /** Every entry in key order. */
  prepareScan(): Question;
  close(): Promise<void> | void;
}

export interface EngineKind {
  readonly name: string;
  /** Loads the engine's code, so that `open` need not; absent when importing it did. */
  warm?(): void;
  /**
   * @param memoryBytes what the process may hold, when that is less than the data: the engine is then set as its
   *   documentation advises for that; otherwise its caches hold everything
   */
  open(folder: string, memoryBytes?: number): Promise<Engine>;
}

/** Adds a value to a checksum: its length and first byte. */
export const touch = (value: Uint8Array): number => value.length + (value[0] ?? 0);
