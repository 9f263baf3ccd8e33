/**
 * Space ahead in LevelDB's log file, so that a sync writes data only.
 *
 * LevelDB appends to its log, and every sync of a file that grew also commits the file's new size to the file system's
 * journal. Zeros written behind LevelDB's position beforehand leave just the data to sync. LevelDB's own reader skips
 * zeros (`kZeroType` in its log_reader.cc: an earlier Env of LevelDB preallocated by the same means), and LevelDB writes
 * at its own position, not at the file's end.
 *
 * Invariants
 * 1. Zeros are only written behind every byte that LevelDB may have written: from the file's end, and either while no
 *    write is under way, or while every write is known to stay in front of that end.
 * 2. `#bound` never underestimates LevelDB's position; every write goes through `before`.
 * 3. A full disk shows here, where nothing is half written yet, and not inside LevelDB.
 */
import { readdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './high-water-mark.js';
import { levelError } from './level-errors.js';

/** First extent of a log file; each further one doubles up to `extentBytesMax`. Preparing one costs a sync or two. */
const extentBytesMin = 1 << 20;
const extentBytesMax = 8 << 20;
const zeros = Buffer.alloc(256 << 10);

const logBlockBytes = 32_768;
const recordHeadBytes = 7;

/** Upper bound of what a batch of LevelDB takes in its log, in bytes. */
export function logSpace(operationBytes: number, operations: number): number {
  // A batch has 12 bytes of head, an operation at most 11; every block holds one more record head or padding.
  const bytes = 12 + operationBytes + operations * 11;
  return bytes + (Math.ceil(bytes / (logBlockBytes - recordHeadBytes)) + 2) * 2 * recordHeadBytes;
}

export class LogReserve {
  readonly #folder: string;
  #file: { readonly name: string; readonly handle: FileHandle } | undefined;
  /** Where the zeros end. */
  #end = 0;
  /** LevelDB writes in front of it, for certain. */
  #bound = 0;
  #extentBytes = extentBytesMin;
  #ahead: Promise<void> | undefined;
  /** With less room than this the next extent is prepared, beside the writes. */
  #lowBytes = 0;
  #isOff: boolean;
  /** The file that LevelDB is about to leave. */
  #left: string | undefined;

  constructor(folder: string, isOn: boolean) {
    this.#folder = folder;
    this.#isOff = !isOn;
  }

  /**
   * Makes room for a write of at most `bytes` (see `logSpace`); call it while no other write is under way.
   *
   * @returns undefined when there is room already
   * @throws VarveError `STORE_FULL`; nothing was written then
   */
  before(bytes: number): Promise<void> | undefined {
    if (this.#isOff || this.isLeaving()) {
      return undefined;
    }
    if (this.#bound + bytes > this.#end) {
      return this.#extend(bytes);
    }
    this.#bound += bytes;
    if (this.#ahead === undefined && this.#end - this.#bound < this.#lowBytes) {
      this.#ahead = this.#extendAhead();
    }
    return undefined;
  }

  /** Prepares the first extent; call it while no write is under way. */
  async prepare(): Promise<void> {
    try {
      await this.before(1);
      await this.#file?.handle.datasync();
    } catch {
      // The disk is full: the first write meets it again, and reports it.
    }
  }

  /** LevelDB is about to move on to another file; call it while no write is under way. */
  async leave(): Promise<void> {
    await this.#forget();
    this.#left = this.#newest();
  }

  /** True from `leave` until LevelDB has a newer file. */
  isLeaving(): boolean {
    if (this.#left !== undefined && this.#left !== this.#newest()) {
      this.#left = undefined;
      // The new file's name must be as durable as what is synced into it.
      syncFolder(this.#folder);
    }
    return this.#left !== undefined;
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    this.#isOff = true;
    await this.#forget();
  }

  async #forget(): Promise<void> {
    await this.#ahead;
    const file = this.#file;
    this.#file = undefined;
    this.#end = 0;
    this.#bound = 0;
    this.#extentBytes = extentBytesMin;
    await file?.handle.close();
  }

  async #extend(bytes: number): Promise<void> {
    await this.#ahead;
    if (this.#bound + bytes > this.#end) {
      try {
        const handle = await this.#current();
        const { size } = await handle.stat();
        if (size !== this.#end) {
          this.#bound = Math.max(this.#bound, size);
          this.#end = size;
        }
        await this.#write(handle, Math.max(this.#extentBytes, this.#bound + bytes - size + zeros.length));
      } catch (error) {
        const failure = levelError(`cannot reserve log space in ${this.#folder}`, error);
        if (failure.code === 'STORE_FULL') {
          throw failure;
        }
        // Only the speed is lost: LevelDB makes its own room.
        this.#isOff = true;
        return;
      }
    }
    this.#bound += bytes;
  }

  async #extendAhead(): Promise<void> {
    try {
      if (this.#file !== undefined) {
        await this.#write(this.#file.handle, this.#extentBytes);
        await this.#file.handle.datasync();
      }
    } catch {
      // `before` tries again where the room is needed, and reports it.
    } finally {
      this.#ahead = undefined;
    }
  }

  /** The log file that LevelDB writes to: the one with the highest number. */
  #newest(): string {
    const logs = readdirSync(this.#folder).filter((name) => /^\d+\.log$/.test(name));
    return logs.reduce((a, b) => (Number.parseInt(b, 10) > Number.parseInt(a, 10) ? b : a));
  }

  async #current(): Promise<FileHandle> {
    const name = this.#newest();
    if (this.#file?.name !== name) {
      await this.#forget();
      this.#file = { name, handle: await open(join(this.#folder, name), 'r+') };
      this.#end = -1;
    }
    return this.#file.handle;
  }

  /** Writes `bytes` zeros behind the end. */
  async #write(handle: FileHandle, bytes: number): Promise<void> {
    const end = this.#end + bytes;
    for (let at = this.#end; at < end; ) {
      const { bytesWritten } = await handle.write(zeros, 0, Math.min(zeros.length, end - at), at);
      at += bytesWritten;
    }
    this.#end = end;
    this.#lowBytes = bytes >> 2;
    this.#extentBytes = Math.min(this.#extentBytes * 2, extentBytesMax);
  }
}
