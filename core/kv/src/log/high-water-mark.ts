/**
 * The mark: how far the log is known to be synced, kept outside LevelDB.
 *
 * LevelDB opens a log whose end is gone without a word. After every sync the last synced commit, its record's checksum
 * and the count of folds are written here, before anything is acknowledged; the file itself is synced once the log is
 * idle, and on close. A record missing at or before the mark is therefore damage, never a torn tail. Two cells in
 * separate pages are written in turn, so that a torn write leaves the other.
 *
 * Cell, little endian: `u32 magic, u32 crc, u32 format, u32 checksum of the last synced record, u64 synced, u64 turn,
 * u32 generation, u32 0, 16 bytes log id`.
 */
import { closeSync, fdatasync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { VarveError } from '@varve/interfaces';
import { crc32 } from './checksum.js';
import { damaged, isMissing, levelError } from './level-errors.js';
import { logFormat, logIdBytes } from './log-record.js';

/** File name of the mark inside the log's folder; LevelDB leaves names alone that it does not know. */
export const markName = 'MARK';

/** What the mark proves. */
export interface Proven {
  /** Last commit known to be synced. */
  readonly synced: number;
  /** Checksum of the record that ends with it; 0 when unknown. */
  readonly crc: number;
  /** Folds known to be durable. */
  readonly generation: number;
}

const magic = 0x314d4c56; // "VLM1"
const idAt = 40;
const cellBytes = idAt + logIdBytes;
/** Distance of the two cells. */
export const pageBytes = 4096;
const syncFile = promisify(fdatasync);

/** The open mark file. */
export class HighWaterMark {
  readonly id: Uint8Array;
  readonly #path: string;
  readonly #file: number;
  readonly #cell: Buffer = Buffer.alloc(cellBytes);
  #proven: Proven;
  #turn: number;
  #isDirty = false;

  private constructor(path: string, file: number, state: Proven & { id: Uint8Array; turn: number }) {
    this.#path = path;
    this.#file = file;
    this.id = state.id;
    this.#turn = state.turn;
    this.#proven = { synced: state.synced, crc: state.crc, generation: state.generation };
  }

  /** Writes the durable mark of a new log with this id into `folder`. Blocks for two syncs. */
  static create(folder: string, id: Uint8Array): HighWaterMark {
    const path = join(folder, markName);
    try {
      const mark = new HighWaterMark(path, openSync(path, 'w+'), {
        id,
        turn: 0,
        synced: 0,
        crc: 0,
        generation: 0,
      });
      mark.write({ synced: 0, crc: 0, generation: 0 });
      mark.write({ synced: 0, crc: 0, generation: 0 });
      fsyncSync(mark.#file);
      mark.#isDirty = false;
      syncFolder(folder);
      return mark;
    } catch (error) {
      throw levelError(`cannot create ${path}`, error);
    }
  }

  /**
   * Opens the mark of `folder`; undefined when there is none.
   *
   * @throws VarveError `STORE_DAMAGED` when no cell is whole, `STORE_NEWER_FORMAT`
   */
  static open(folder: string): HighWaterMark | undefined {
    const path = join(folder, markName);
    let file: number;
    try {
      file = openSync(path, 'r+');
    } catch (error) {
      if (isMissing(error)) {
        return undefined;
      }
      throw levelError(`cannot open ${path}`, error);
    }
    try {
      const cells = [0, 1]
        .map((cell) => readCell(file, cell * pageBytes))
        .filter((cell) => cell !== undefined);
      const newest = cells.reduce((a, b) => (b.turn > a.turn ? b : a), cells[0] ?? noCell(path));
      if (newest.format > logFormat) {
        throw new VarveError('STORE_NEWER_FORMAT', {
          message: `${path} has format ${newest.format}; this Varve reads up to ${logFormat}`,
          hint: 'open it with the Varve that wrote it, or a newer one',
        });
      }
      return new HighWaterMark(path, file, newest);
    } catch (error) {
      closeSync(file);
      throw levelError(`cannot read ${path}`, error);
    }
  }

  get proven(): Proven {
    return this.#proven;
  }

  /**
   * Records what is durable now. Written to the page cache at once, so that a killed process does not lose it; on the
   * disk only after `sync`.
   *
   * Cost: one write of 56 bytes on the calling thread, a few microseconds.
   */
  write(proven: Proven): void {
    this.#turn += 1;
    const cell = this.#cell;
    cell.writeUInt32LE(magic, 0);
    cell.writeUInt32LE(logFormat, 8);
    cell.writeUInt32LE(proven.crc, 12);
    cell.writeBigUInt64LE(BigInt(proven.synced), 16);
    cell.writeBigUInt64LE(BigInt(this.#turn), 24);
    cell.writeUInt32LE(proven.generation, 32);
    cell.set(this.id, idAt);
    cell.writeUInt32LE(crc32(cell.subarray(8)), 4);
    this.#isDirty = true;
    this.#proven = proven;
    if (writeSync(this.#file, cell, 0, cellBytes, (this.#turn % 2) * pageBytes) !== cellBytes) {
      throw levelError(`cannot write ${this.#path}`, new Error('the write came back short'));
    }
  }

  /** Makes the mark durable if it changed. */
  async sync(): Promise<void> {
    if (this.#isDirty) {
      this.#isDirty = false;
      await syncFile(this.#file);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Makes the names in `folder` durable; does nothing where a folder cannot be opened (Windows). */
export function syncFolder(folder: string): void {
  let file: number;
  try {
    file = openSync(folder, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What a cell of the mark says. */
export interface Cell extends Proven {
  readonly format: number;
  /** Counts the writes of the mark. */
  readonly turn: number;
  readonly id: Uint8Array;
}

function readCell(file: number, offset: number): Cell | undefined {
  const cell = Buffer.alloc(cellBytes);
  return decodeCell(cell.subarray(0, readSync(file, cell, 0, cellBytes, offset)));
}

/** The cell at the beginning of `bytes`; undefined when it is not whole. */
export function decodeCell(bytes: Buffer): Cell | undefined {
  const cell = bytes.subarray(0, cellBytes);
  if (cell.length < cellBytes || cell.readUInt32LE(0) !== magic) {
    return undefined;
  }
  if (cell.readUInt32LE(4) !== crc32(cell.subarray(8))) {
    return undefined;
  }
  return {
    format: cell.readUInt32LE(8),
    crc: cell.readUInt32LE(12),
    synced: Number(cell.readBigUInt64LE(16)),
    turn: Number(cell.readBigUInt64LE(24)),
    generation: cell.readUInt32LE(32),
    id: cell.subarray(idAt),
  };
}

function noCell(path: string): never {
  throw damaged(`${path}, offset 0`, 'both cells of the mark fail their checksum');
}
