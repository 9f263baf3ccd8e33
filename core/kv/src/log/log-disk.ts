/**
 * The disk under a log: LevelDB, the space ahead in its file, and the mark.
 *
 * Invariants
 * 1. LevelDB moves on to a new log file only when asked (`rotate`), and only while everything is synced: LevelDB closes
 *    the old file without a sync, so an unsynced commit could vanish in front of a synced one.
 * 2. After a failed write nothing is written any more: LevelDB's position in its file is unknown then. `failure` says
 *    why; a disk that is full shows before LevelDB has written anything, and is no such failure.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { VarveError } from '@varve/interfaces';
import type { Proven } from './high-water-mark.js';
import { levelError } from './level-errors.js';
import { commitsKey, encodeFormat, formatKey, keyBehindAll } from './log-record.js';
import { LogReserve, logSpace } from './log-reserve.js';
import type { OpenedLevel } from './open-level.js';

export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

export interface LogDiskOptions {
  /** Bytes of LevelDB's log file after which it moves on to a new one. */
  readonly rotateBytes: number;
  /** Whether zeros are written ahead. */
  readonly reserve: boolean;
}

export class LogDisk {
  readonly #folder: string;
  readonly #opened: OpenedLevel;
  readonly #rotateBytes: number;
  readonly #reserve: LogReserve;
  #failure: VarveError | undefined;
  /** Upper bound of LevelDB's log file. */
  #fileBytes = 0;
  #compaction: Promise<void> | undefined;
  #markSync: Promise<void> | undefined;
  #syncs = 0;

  constructor(folder: string, opened: OpenedLevel, options: LogDiskOptions) {
    this.#folder = folder;
    this.#opened = opened;
    this.#rotateBytes = options.rotateBytes;
    this.#reserve = new LogReserve(folder, options.reserve);
  }

  /** Why nothing is written any more. */
  get failure(): VarveError | undefined {
    return this.#failure;
  }

  /** Synced writes since open. */
  get syncs(): number {
    return this.#syncs;
  }

  /** Prepares the first extent; call it while no write is under way. */
  prepare(): Promise<void> {
    return this.#reserve.prepare();
  }

  /** An unsynced commit must not be the last one in a file that LevelDB leaves. */
  mustSync(): boolean {
    return this.#fileBytes > this.#rotateBytes || this.#reserve.isLeaving();
  }

  /** One write of LevelDB; call it while no other is under way. */
  async write(operations: readonly Operation[], sync: boolean): Promise<void> {
    let bytes = 0;
    for (const operation of operations) {
      bytes += operation.key.length + (operation.type === 'put' ? operation.value.length : 0);
    }
    const space = logSpace(bytes, operations.length);
    // A disk that is full shows here, before LevelDB has written half a record.
    await this.#reserve.before(space);
    this.#fileBytes += space;
    try {
      await this.#opened.db.batch([...operations], { sync });
    } catch (error) {
      throw this.#fail(`cannot write the log in ${this.#folder}; it takes no more writes`, error);
    }
    if (sync) {
      this.#syncs += 1;
    }
  }

  /** Syncs all that was written without one. */
  async writeSync(): Promise<void> {
    const value = encodeFormat(this.#opened.mark.id);
    await this.write([{ type: 'put', key: formatKey, value }], true);
  }

  /** Writes the mark; durable with `syncMark`. */
  writeMark(proven: Proven): void {
    try {
      this.#opened.mark.write(proven);
    } catch (error) {
      throw this.#fail(`cannot write the mark of the log in ${this.#folder}`, error);
    }
  }

  /** Makes the mark durable beside the writes, so that none has to wait for it. */
  syncMarkAside(): void {
    this.#markSync = this.#opened.mark.sync().catch((error: unknown) => {
      this.#failure ??= levelError(`cannot sync the mark of the log in ${this.#folder}`, error);
    });
  }

  async syncMark(): Promise<void> {
    await this.#opened.mark.sync();
  }

  /**
   * Moves LevelDB on to a new log file when this one is long, and lets it drop deleted records when most of what it
   * holds is deleted.
   *
   * @param keptShare share of what was written that is still needed, 0 to 1
   */
  async rotate(keptShare: number): Promise<void> {
    if (this.#compaction !== undefined || this.#fileBytes <= this.#rotateBytes) {
      return;
    }
    try {
      await this.#reserve.leave();
    } catch (error) {
      this.#fail(`cannot move the log in ${this.#folder} on to a new file`, error);
      return;
    }
    this.#fileBytes = 0;
    // Behind all keys there is nothing to compact: LevelDB only writes its memtable out and opens a new log.
    const start = keptShare < 0.5 ? commitsKey(0) : keyBehindAll;
    this.#compaction = this.#compact(start);
  }

  async #compact(start: Uint8Array): Promise<void> {
    try {
      await this.#opened.db.compactRange(start, keyBehindAll);
    } catch {
      // LevelDB refuses the next write then, and says why.
    }
    this.#compaction = undefined;
  }

  /** Waits for what runs beside the writes. */
  async settle(): Promise<void> {
    await this.#compaction;
    await this.#markSync;
  }

  /** Lets go of everything. */
  async close(): Promise<void> {
    try {
      await this.#reserve.close();
      this.#opened.mark.close();
    } finally {
      // Whatever else fails: an open LevelDB would write on behind the store's lock.
      await this.#opened.db.close();
    }
  }

  #fail(doing: string, cause: unknown): VarveError {
    this.#failure = levelError(doing, cause);
    return this.#failure;
  }
}

/** Bytes of the files in `folder`. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  try {
    for (const name of readdirSync(folder)) {
      bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
    }
  } catch {
    // The folder went away under us; the next write says so.
  }
  return bytes;
}
