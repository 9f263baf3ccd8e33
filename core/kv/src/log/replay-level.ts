/**
 * Reads the log back: the one chain of commits behind the folded ones, and the verdict on its end.
 *
 * Each record names the checksum of the one before it, so a record that LevelDB lost, or an older one that came back in
 * its place, breaks the chain. The chain ends at the first missing number. That is the torn tail of unsynced writes
 * unless something proves that the next commit had been synced: the mark, the catalogue, or any record behind the gap.
 * Then it is damage, and is reported. Records behind a torn tail were never acknowledged as synced; they are deleted
 * before anything is appended, so that no later replay can meet them.
 */
import type { LoggedCommit } from '@varve/interfaces';
import { damaged, levelError } from './level-errors.js';
import { type CommitsRecord, commitsKey, decodeCommits } from './log-record.js';
import type { OpenedLevel } from './open-level.js';

/** A record of commits that is not deleted yet. */
export interface KeptRecord {
  readonly first: number;
  readonly last: number;
  readonly crc: number;
}

/** Where the chain ends, and which records LevelDB holds. */
export interface LogEnd {
  readonly last: number;
  /** Checksum of the last record. */
  readonly crc: number;
  /** First commits of records that are folded whole but not deleted yet. */
  readonly dropped: number[];
}

const range = { gte: commitsKey(0), lte: Buffer.concat([Buffer.from('C'), Buffer.alloc(8, 0xff)]) };

/** Bytes and records that LevelDB hands over at once. */
const chunkBytes = 1 << 20;
const chunkRecords = 256;

export class LogReplay {
  readonly #folder: string;
  readonly #opened: OpenedLevel;
  readonly #kept: KeptRecord[];
  readonly #dropped: number[] = [];
  /** Keys behind the gap. */
  readonly #behind: Uint8Array[] = [];
  #last: number;
  #crc: number;
  #proven: number;
  #isBroken = false;
  #isChained = false;
  #isRead = false;

  /** @param kept receives the records of the chain as they are read */
  constructor(folder: string, opened: OpenedLevel, kept: KeptRecord[]) {
    this.#folder = folder;
    this.#kept = kept;
    this.#opened = opened;
    this.#last = opened.catalogue?.folded ?? 0;
    this.#crc = opened.catalogue?.previous ?? 0;
    this.#proven = Math.max(opened.mark.proven.synced, opened.catalogue?.synced ?? 0);
  }

  /** True when LevelDB holds any record of commits. */
  async hasRecords(): Promise<boolean> {
    const keys = await this.#opened.db.keys({ ...range, limit: 1 }).all();
    return keys.length > 0;
  }

  /** Every commit of the chain behind the folded ones. Cost: one pass over the records, `chunkBytes` in memory. */
  async *commits(): AsyncGenerator<LoggedCommit> {
    const iterator = this.#opened.db.iterator({ ...range, highWaterMarkBytes: chunkBytes });
    try {
      for (;;) {
        const chunk = await iterator.nextv(chunkRecords);
        if (chunk.length === 0) {
          break;
        }
        for (const [key, value] of chunk) {
          yield* this.#next(key, value);
        }
      }
    } catch (error) {
      throw levelError(`cannot read the log in ${this.#folder}`, error);
    } finally {
      await iterator.close();
    }
    this.#isRead = true;
  }

  *#next(key: Uint8Array, value: Uint8Array): Generator<LoggedCommit> {
    const record = decodeCommits(this.#opened.mark.id, key, value);
    if (record === undefined) {
      throw damaged(this.#folder, `the record behind commit ${this.#last} fails its checksum`);
    }
    const folded = this.#opened.catalogue?.folded ?? 0;
    if (record.last <= folded) {
      this.#dropped.push(record.first);
      return;
    }
    this.#proven = Math.max(this.#proven, record.synced);
    if (this.#isBroken || record.first > this.#last + 1) {
      this.#isBroken = true;
      this.#behind.push(key);
      return;
    }
    this.#check(record);
    for (const [index, batch] of record.batches.entries()) {
      const sequence = record.first + index;
      if (sequence > this.#last) {
        yield { sequence, batch };
      }
    }
    this.#isChained = true;
    this.#last = record.last;
    this.#crc = record.crc;
    this.#kept.push({ first: record.first, last: record.last, crc: record.crc });
  }

  #check(record: CommitsRecord): void {
    const { mark, catalogue } = this.#opened;
    const at = `the record of commits ${record.first} to ${record.last}`;
    // Only the first record of the chain may begin with folded commits.
    const overlaps = record.first <= this.#last && this.#isChained;
    if (record.previous !== this.#crc || overlaps) {
      throw damaged(this.#folder, `${at} does not follow the one before it`);
    }
    if (record.last === mark.proven.synced && mark.proven.crc !== 0 && mark.proven.crc !== record.crc) {
      throw damaged(this.#folder, `${at} is not the one that was synced`);
    }
    if (record.generation > (catalogue?.generation ?? 1)) {
      throw damaged(
        this.#folder,
        `the newest catalogue is gone: ${at} names generation ${record.generation}`,
      );
    }
  }

  /**
   * The end of the chain; deletes what lies behind it, durably.
   *
   * @throws VarveError `STORE_DAMAGED` when a commit behind the end is proven to have been synced
   */
  async finish(): Promise<LogEnd> {
    if (!this.#isRead) {
      throw damaged(this.#folder, 'the log was not read to its end');
    }
    if (this.#proven > this.#last) {
      const lost =
        this.#last + 1 === this.#proven
          ? `commit ${this.#proven} was`
          : `commits ${this.#last + 1} to ${this.#proven} were`;
      throw damaged(this.#folder, `${lost} synced but cannot be read`);
    }
    if (this.#behind.length > 0) {
      const operations = this.#behind.map((key) => ({ type: 'del' as const, key }));
      try {
        await this.#opened.db.batch(operations, { sync: true });
      } catch (error) {
        throw levelError(`cannot erase the torn tail of the log in ${this.#folder}`, error);
      }
    }
    return { last: this.#last, crc: this.#crc, dropped: this.#dropped };
  }
}
