/**
 * Writes what waits: one fold and one group at a time, acknowledged when it is as durable as was asked.
 *
 * `WaitingWrites` holds what is not written yet, `RecordChain` what is, `LogDisk` touches the disk.
 *
 * Invariants
 * 1. One write is under way at a time; its record follows the one before it by number and by checksum.
 * 2. The mark is written after the sync and before the acknowledgement.
 * 3. Folded commits are dropped by the catalogue's record alone; deleting their records is housekeeping.
 */
import { VarveError } from '@varve/interfaces';
import { levelError } from './level-errors.js';
import type { LevelLogOptions } from './level-options.js';
import { LogDisk, type Operation } from './log-disk.js';
import { catalogueKey, commitsKey } from './log-record.js';
import type { OpenedLevel } from './open-level.js';
import { RecordChain } from './record-chain.js';
import type { LogEnd } from './replay-level.js';
import { type Waiting, WaitingWrites } from './waiting-writes.js';

/** Quiet time after which the mark is synced and folded records are deleted, ms. */
const idleMs = 20;

/** Folded records deleted in one housekeeping write. */
const deletionsPerWrite = 512;

export class GroupWriter {
  readonly chain: RecordChain;
  readonly disk: LogDisk;
  readonly waiting: WaitingWrites;
  readonly #folder: string;
  readonly #opened: OpenedLevel;
  readonly #groupBytesMax: number;
  /** Until the log's end is known, folds are all there is to write. */
  #isReplaying = true;
  #isClosing = false;
  #pump: Promise<void> | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #counts = { commits: 0, groups: 0 };

  constructor(folder: string, opened: OpenedLevel, options: Required<LevelLogOptions>) {
    this.#folder = folder;
    this.#opened = opened;
    this.#groupBytesMax = options.groupBytesMax;
    this.chain = new RecordChain(opened);
    this.disk = new LogDisk(folder, opened, options);
    this.waiting = new WaitingWrites(options.queueBytesMax, this.chain.written);
  }

  /** Commits written since open, and the writes that carried them. */
  get counts(): { readonly commits: number; readonly groups: number } {
    return this.#counts;
  }

  get isReplaying(): boolean {
    return this.#isReplaying;
  }

  /** A replay came to the log's end: commits are welcome. */
  async goOnBehind(end: LogEnd): Promise<void> {
    // A fold may be under way still.
    while (this.#pump !== undefined) {
      await this.#pump;
    }
    this.#isReplaying = false;
    this.chain.endAt(end);
    this.waiting.goOnBehind(end.last);
    // LevelDB turned its log into a synced table while it opened.
    this.#noteSynced();
    this.#pump = this.disk.prepare().then(() => this.#work());
  }

  /** Writes what waits, syncs it, and lets go of the disk; nothing may join any more. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#idleTimer);
    const { disk, chain } = this;
    try {
      await this.#pump;
      await disk.settle();
      if (disk.failure === undefined && !this.#isReplaying) {
        if (chain.synced < chain.written) {
          await disk.writeSync();
        }
        this.#noteSynced();
        await disk.syncMark();
      }
    } catch (error) {
      throw levelError(`cannot close the log in ${this.#folder}`, error);
    } finally {
      await disk.close();
    }
  }

  /** The error of whatever comes behind a failed write. */
  poisoned(cause: VarveError): VarveError {
    return new VarveError('STORE_POISONED', {
      message: `an earlier write to the log in ${this.#folder} failed, so what is on disk is unknown`,
      hint: 'close the store and open it again',
      cause,
    });
  }

  /** Begins to write once everything that runs now has appended: a tick after all microtasks. */
  start(): void {
    if (this.#pump === undefined) {
      clearTimeout(this.#idleTimer);
      this.#pump = new Promise<void>((resolve) => process.nextTick(resolve)).then(() => this.#work());
    }
  }

  async #work(): Promise<void> {
    // After a failure nothing waits any more: `#fail` has taken it all.
    while (this.waiting.hasAny) {
      await this.#commitGroup();
    }
    this.#pump = undefined;
    this.#planIdle();
  }

  /** One fold and one group, whatever waits, in one write of LevelDB. */
  async #commitGroup(): Promise<void> {
    const { chain, disk, waiting } = this;
    const group = waiting.takeGroup(this.#groupBytesMax);
    const fold = waiting.takeFold(chain.written);
    // A group adds one record: deleting a few more than that keeps LevelDB from piling up dropped ones.
    const firsts = chain.dropped.splice(0, 8 + (chain.dropped.length >> 6));
    let isSynced = fold !== undefined || group.some(({ durability }) => durability === 'synced');
    try {
      isSynced ||= disk.mustSync();
      const operations = firsts.map(deletion);
      const catalogue = fold === undefined ? undefined : chain.nextCatalogue(fold);
      if (catalogue !== undefined) {
        operations.push({ type: 'put', key: catalogueKey, value: catalogue.bytes });
      }
      const commits = chain.nextCommits(group);
      if (commits !== undefined) {
        operations.push({ type: 'put', key: commitsKey(commits.first), value: commits.bytes });
      }
      await disk.write(operations, isSynced);
      if (catalogue !== undefined) {
        chain.catalogueWritten(catalogue);
      }
      if (commits !== undefined) {
        chain.commitsWritten(commits);
        this.#counts.commits += group.length;
        this.#counts.groups += 1;
      }
      if (isSynced) {
        this.#noteSynced();
      }
    } catch (error) {
      // The keys of the deletions are as good as before: the records are still there, or the log is poisoned.
      chain.dropped.push(...firsts);
      this.#fail(error, fold === undefined ? group : [...group, fold]);
      return;
    }
    for (const { resolve } of group) {
      resolve(isSynced ? 'synced' : 'fast');
    }
    fold?.resolve();
    if (isSynced) {
      await this.#rotate();
    }
  }

  /** Rejects what was being written and all that waits behind it; the next commit is the one after the last written. */
  #fail(cause: unknown, failed: readonly Waiting[]): void {
    const { chain, disk, waiting } = this;
    const failure = levelError(`cannot write the log in ${this.#folder}`, cause);
    const behind = waiting.takeAll(chain.written);
    for (const { reject } of failed) {
      reject(failure);
    }
    for (const { reject } of behind) {
      reject(disk.failure === undefined ? failure : this.poisoned(failure));
    }
  }

  /** Everything written is synced: the mark says so, before anybody hears of it. */
  #noteSynced(): void {
    // While the log is being replayed only the catalogue moves on.
    if (!this.#isReplaying) {
      this.chain.allSynced();
    }
    const news = this.chain.news(this.#opened.mark);
    if (news !== undefined) {
      this.disk.writeMark(news);
    }
  }

  #rotate(): Promise<void> {
    return this.disk.rotate(this.chain.kept.length / (this.#counts.groups + 1));
  }

  #planIdle(): void {
    if (!this.#isClosing) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = setTimeout(() => this.#idle(), idleMs);
      this.#idleTimer.unref();
    }
  }

  #idle(): void {
    if (this.#pump !== undefined || this.#isReplaying || this.disk.failure !== undefined) {
      return;
    }
    this.disk.syncMarkAside();
    if (this.chain.dropped.length > 0) {
      this.#pump = this.#tidy().then(() => this.#work());
    }
  }

  /** Deletes folded records while nothing else is to do. */
  async #tidy(): Promise<void> {
    const { chain, disk, waiting } = this;
    while (chain.dropped.length > 0 && !waiting.hasAny) {
      const firsts = chain.dropped.splice(0, deletionsPerWrite);
      try {
        const isSynced = disk.mustSync();
        await disk.write(firsts.map(deletion), isSynced);
        if (isSynced) {
          this.#noteSynced();
          await this.#rotate();
        }
      } catch {
        // Housekeeping: the next write meets the same trouble, and somebody waits for its answer.
        chain.dropped.push(...firsts);
        return;
      }
    }
  }
}

function deletion(first: number): Operation {
  return { type: 'del', key: commitsKey(first) };
}
