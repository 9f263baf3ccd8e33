/**
 * The durable log on LevelDB (classic-level).
 *
 * LevelDB keeps the bytes; this class adds what LevelDB does not promise: one sync for everything that arrives together,
 * a number and a checksum on every record, and proof of where the log ends. Why, and what can be detected: design.md beside this file.
 *
 * Invariants
 * 1. One write is under way at a time; its record follows the one before it by number and by checksum.
 * 2. The mark is written after the sync and before the acknowledgement.
 * 3. LevelDB moves on to a new log file only when asked (`#rotate`), and only while everything is synced: LevelDB closes
 *    the old file without a sync, so an unsynced commit could vanish in front of a synced one.
 * 4. Folded commits are dropped by the catalogue's record alone; deleting their records is housekeeping.
 * 5. After a failed write nothing is written any more: LevelDB's position in its file is unknown then.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Durability, type DurableLog, type LoggedCommit, VarveError } from '@varve/interfaces';
import type { ClassicLevel } from 'classic-level';
import { batchBytesMax } from '../batch-builder.js';
import { levelError } from './level-errors.js';
import {
  catalogueKey,
  commitsKey,
  encodeCatalogue,
  encodeCommits,
  encodeFormat,
  formatKey,
  keyBehindAll,
} from './log-record.js';
import { LogReserve, logSpace } from './log-reserve.js';
import { type OpenedLevel, openLevel } from './open-level.js';
import { type KeptRecord, LogReplay } from './replay-level.js';
import { type LogVerifyReport, verifyLevel } from './verify-level.js';

/** A reading of the log; counters start at open. */
export interface LogStats {
  /** Last commit written. */
  readonly sequence: number;
  /** Last commit that survives power loss. */
  readonly syncedSequence: number;
  readonly commits: number;
  /** Writes that carried commits; many commits share one. */
  readonly groups: number;
  readonly syncs: number;
  /** Bytes of commits that wait to be written. */
  readonly queuedBytes: number;
  /** Bytes of the log's files. */
  readonly bytes: number;
}

export interface LevelLogOptions {
  /** Bytes of LevelDB's log file after which it moves on to a new one and drops what is deleted; 16 MiB by default. */
  readonly rotateBytes?: number;
  /** Waiting bytes after which `append` answers `LIMIT_EXCEEDED`; 256 MiB by default. */
  readonly queueBytesMax?: number;
  /** Bytes of commits that share one sync at most, unless one commit alone is larger; 4 MiB by default. */
  readonly groupBytesMax?: number;
  /** Writes zeros ahead in LevelDB's log file, so that syncs write data only; on by default. */
  readonly reserve?: boolean;
}

/** Quiet time after which the mark is synced and folded records are deleted, ms. */
const idleMs = 20;

/** Folded records deleted in one housekeeping write. */
const deletionsPerWrite = 512;

interface Waiting {
  readonly batch: Uint8Array;
  readonly durability: Durability;
  readonly resolve: (reached: Durability) => void;
  readonly reject: (error: VarveError) => void;
}

interface WaitingFold {
  readonly catalogue: Uint8Array;
  readonly folded: number;
  readonly resolve: () => void;
  readonly reject: (error: VarveError) => void;
}

type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** Folders open in this process. LevelDB's own check would drop its lock file's lock when asked twice. */
const openFolders = new Set<string>();

/** The durable log in a LevelDB folder of its own. */
export class LevelLog implements DurableLog {
  readonly #folder: string;
  readonly #options: Required<LevelLogOptions>;
  #opened: OpenedLevel | undefined;
  #reserve: LogReserve;
  #replay: LogReplay | undefined;
  #catalogue: Uint8Array | undefined;
  #failure: VarveError | undefined;
  #isClosing = false;

  /** Commits not written yet, oldest first; `#queueHead` are done with. */
  #queue: Waiting[] = [];
  #queueBytes = 0;
  #folds: WaitingFold[] = [];
  /** Last commit in the queue, or written. */
  #accepted = 0;
  #written = 0;
  #synced = 0;
  /** Checksum of the record that ends with `#synced`. */
  #syncedCrc = 0;
  /** What the last fold asked for. */
  #foldAccepted = 0;
  #generation = 1;
  /** Checksum of the last record. */
  #crc = 0;
  /** Checksum of the last record that is dropped whole. */
  #droppedCrc = 0;
  readonly #kept: KeptRecord[] = [];
  /** First commits of dropped records that LevelDB still holds. */
  readonly #dropped: number[] = [];
  /** Bytes written since the last full compaction. */
  #bytesSinceCompaction = 0;
  /** Upper bound of LevelDB's log file. */
  #fileBytes = 0;
  #compaction: Promise<void> | undefined;
  #pump: Promise<void> | undefined;
  #markSync: Promise<void> | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #counts = { commits: 0, groups: 0, syncs: 0 };

  /** @param folder a folder that is the log's alone; created when it is missing */
  constructor(folder: string, options: LevelLogOptions = {}) {
    this.#folder = resolve(folder);
    this.#options = {
      rotateBytes: options.rotateBytes ?? 16 << 20,
      queueBytesMax: options.queueBytesMax ?? 256 << 20,
      groupBytesMax: options.groupBytesMax ?? 4 << 20,
      reserve: options.reserve ?? true,
    };
    for (const [name, value] of Object.entries(this.#options)) {
      if (typeof value === 'number' && !(Number.isSafeInteger(value) && value > 0)) {
        throw invalid(`${name} is not a positive whole number: ${value}`);
      }
    }
    this.#reserve = new LogReserve(this.#folder, false);
  }

  async open(): Promise<void> {
    if (openFolders.has(this.#folder)) {
      throw new VarveError('STORE_LOCKED', {
        message: `${this.#folder} is open in this process`,
        hint: 'close the other store first; one process owns a directory',
      });
    }
    openFolders.add(this.#folder);
    this.#kept.length = 0;
    this.#dropped.length = 0;
    try {
      const opened = await openLevel(this.#folder, randomBytes);
      this.#opened = opened;
      this.#isClosing = false;
      this.#failure = undefined;
      this.#generation = opened.catalogue?.generation ?? 1;
      this.#foldAccepted = opened.catalogue?.folded ?? 0;
      this.#droppedCrc = opened.catalogue?.previous ?? 0;
      this.#written = this.#foldAccepted;
      this.#synced = opened.mark.proven.synced;
      this.#syncedCrc = opened.mark.proven.crc;
      this.#catalogue = opened.catalogue?.catalogue;
      this.#reserve = new LogReserve(this.#folder, this.#options.reserve);
      this.#replay = new LogReplay(this.#folder, opened, this.#kept);
      if (!(await this.#replay.hasRecords())) {
        for await (const _ of this.replay()) {
          // Nothing to replay: the verdict on the end is due at once.
        }
      }
    } catch (error) {
      await this.#release();
      throw error;
    }
  }

  catalogue(): Uint8Array | undefined {
    this.#open();
    return this.#catalogue;
  }

  /**
   * Commits that were given out may be folded before the end is reached: a log can hold more than memory does.
   *
   * @throws VarveError `STORE_DAMAGED` where the chain breaks, before anything behind the break is given out
   */
  async *replay(): AsyncGenerator<LoggedCommit> {
    const opened = this.#open();
    const replay = this.#replay;
    if (replay === undefined) {
      return;
    }
    for await (const commit of replay.commits()) {
      this.#written = commit.sequence;
      yield commit;
    }
    const end = await replay.finish();
    // A fold may be under way still: one write at a time.
    while (this.#pump !== undefined) {
      await this.#pump;
    }
    this.#replay = undefined;
    this.#accepted = end.last;
    this.#written = end.last;
    this.#crc = end.crc;
    this.#dropped.push(...end.dropped);
    // LevelDB turned its log into a synced table while it opened.
    this.#noteSynced(opened);
    this.#pump = this.#reserve.prepare().then(() => this.#work());
  }

  append({ sequence, batch }: LoggedCommit, durability: Durability): Promise<Durability> {
    const refusal = this.#refusal() ?? this.#appendRefusal(sequence, batch);
    if (refusal !== undefined) {
      return Promise.reject(refusal);
    }
    this.#accepted = sequence;
    this.#queueBytes += batch.length;
    return new Promise((resolve, reject) => {
      this.#queue.push({ batch, durability, resolve, reject });
      this.#start();
    });
  }

  fold(catalogue: Uint8Array, foldedSequence: number): Promise<void> {
    const refusal = this.#refusal() ?? this.#foldRefusal(foldedSequence);
    if (refusal !== undefined) {
      return Promise.reject(refusal);
    }
    this.#foldAccepted = foldedSequence;
    return new Promise((resolve, reject) => {
      this.#folds.push({ catalogue: catalogue.slice(), folded: foldedSequence, resolve, reject });
      this.#start();
    });
  }

  stats(): LogStats {
    return {
      ...this.#counts,
      sequence: this.#written,
      syncedSequence: this.#synced,
      queuedBytes: this.#queueBytes,
      bytes: folderBytes(this.#folder),
    };
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined || this.#isClosing) {
      return;
    }
    this.#isClosing = true;
    clearTimeout(this.#idleTimer);
    await this.#pump;
    await this.#compaction;
    await this.#markSync;
    try {
      if (this.#failure === undefined && this.#replay === undefined) {
        if (this.#synced < this.#written) {
          await this.#write(
            opened.db,
            [{ type: 'put', key: formatKey, value: encodeFormat(opened.mark.id) }],
            true,
          );
        }
        this.#noteSynced(opened);
        await opened.mark.sync();
      }
    } catch (error) {
      throw levelError(`cannot close the log in ${this.#folder}`, error);
    } finally {
      await this.#release();
    }
  }

  /** Reads and checks every record; see `verifyLevel`. Errors: `STORE_CLOSED`. */
  async verify(): Promise<LogVerifyReport> {
    return verifyLevel(this.#open());
  }

  #open(): OpenedLevel {
    if (this.#opened === undefined || this.#isClosing) {
      throw new VarveError('STORE_CLOSED', { message: `the log in ${this.#folder} is not open` });
    }
    return this.#opened;
  }

  async #release(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#replay = undefined;
    openFolders.delete(this.#folder);
    await this.#reserve.close();
    opened?.mark.close();
    await opened?.db.close();
  }

  #refusal(): VarveError | undefined {
    if (this.#opened === undefined || this.#isClosing) {
      return new VarveError('STORE_CLOSED', { message: `the log in ${this.#folder} is not open` });
    }
    if (this.#failure !== undefined) {
      return this.#poisoned(this.#failure);
    }
    return undefined;
  }

  #foldRefusal(folded: number): VarveError | undefined {
    const last = this.#replay === undefined ? this.#accepted : this.#written;
    return folded >= this.#foldAccepted && folded <= last
      ? undefined
      : invalid(`folded commit ${folded} is not in ${this.#foldAccepted}..${last}`);
  }

  #appendRefusal(sequence: number, batch: Uint8Array): VarveError | undefined {
    if (this.#replay !== undefined) {
      return invalid('replay the log before appending');
    }
    if (sequence !== this.#accepted + 1) {
      return invalid(`commit ${sequence} was appended, commit ${this.#accepted + 1} is next`);
    }
    if (batch.length > batchBytesMax) {
      return new VarveError('LIMIT_EXCEEDED', {
        message: `a batch of ${batch.length} bytes is over the limit of ${batchBytesMax}`,
        hint: 'write several smaller batches',
      });
    }
    if (this.#queueBytes > 0 && this.#queueBytes + batch.length > this.#options.queueBytesMax) {
      return new VarveError('LIMIT_EXCEEDED', {
        message: `${this.#queueBytes} bytes of commits wait for the disk already`,
        hint: 'wait for an acknowledgement before writing more',
      });
    }
    return undefined;
  }

  #poisoned(cause: VarveError): VarveError {
    return new VarveError('STORE_POISONED', {
      message: `an earlier write to the log in ${this.#folder} failed, so what is on disk is unknown`,
      hint: 'close the store and open it again',
      cause,
    });
  }

  /** Begins to write once everything that runs now has appended: a tick after all microtasks. */
  #start(): void {
    if (this.#pump === undefined) {
      clearTimeout(this.#idleTimer);
      this.#pump = new Promise<void>((resolve) => process.nextTick(resolve)).then(() => this.#work());
    }
  }

  async #work(): Promise<void> {
    const opened = this.#opened;
    if (opened !== undefined) {
      // After a failure nothing waits any more: `#fail` has emptied both.
      while (this.#queue.length > 0 || this.#folds.length > 0) {
        await this.#commitGroup(opened);
      }
    }
    this.#pump = undefined;
    this.#planIdle();
  }

  /** One fold and one group, whatever waits, in one write of LevelDB. */
  async #commitGroup(opened: OpenedLevel): Promise<void> {
    const group = this.#takeGroup();
    const fold = this.#takeFold();
    // A group adds one record: deleting a few more than that keeps LevelDB from piling up dropped ones.
    const firsts = this.#dropped.splice(0, 8 + (this.#dropped.length >> 6));
    let isSynced = fold !== undefined || group.some((waiting) => waiting.durability === 'synced');
    try {
      isSynced ||= this.#mustSync();
      const operations = firsts.map(deletion);
      const dropped = fold === undefined ? 0 : this.#keptUpTo(fold.folded);
      if (fold !== undefined) {
        const value = this.#catalogueRecord(opened, fold, dropped);
        operations.push({ type: 'put', key: catalogueKey, value });
      }
      let crc = this.#crc;
      const first = this.#written + 1;
      if (group.length > 0) {
        const record = this.#commitsRecord(opened, first, group);
        crc = record.crc;
        operations.push({ type: 'put', key: commitsKey(first), value: record.bytes });
      }
      await this.#write(opened.db, operations, isSynced);
      if (fold !== undefined) {
        this.#dropFolded(fold, dropped);
      }
      if (group.length > 0) {
        this.#crc = crc;
        this.#written += group.length;
        this.#kept.push({ first, last: this.#written, crc });
        this.#counts.commits += group.length;
        this.#counts.groups += 1;
      }
      if (isSynced) {
        this.#noteSynced(opened);
      }
    } catch (error) {
      // The keys of the deletions are as good as before: the records are still there, or the log is poisoned.
      this.#dropped.push(...firsts);
      this.#fail(error, [...group, ...(fold === undefined ? [] : [fold])]);
      return;
    }
    for (const waiting of group) {
      waiting.resolve(isSynced ? 'synced' : 'fast');
    }
    fold?.resolve();
    if (isSynced) {
      await this.#rotate(opened.db);
    }
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      if (count > 0 && bytes + waiting.batch.length > this.#options.groupBytesMax) {
        break;
      }
      bytes += waiting.batch.length;
      count += 1;
    }
    this.#queueBytes -= bytes;
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }

  /** The next fold, once what it drops is written. */
  #takeFold(): WaitingFold | undefined {
    const [fold] = this.#folds;
    return fold !== undefined && fold.folded <= this.#written ? this.#folds.shift() : undefined;
  }

  /** Records that hold nothing behind `folded`. */
  #keptUpTo(folded: number): number {
    const first = this.#kept.findIndex((kept) => kept.last > folded);
    return first < 0 ? this.#kept.length : first;
  }

  #commitsRecord(
    { mark }: OpenedLevel,
    first: number,
    group: readonly Waiting[],
  ): { readonly bytes: Uint8Array; readonly crc: number } {
    const [synced, generation, previous] = [this.#synced, this.#generation, this.#crc];
    const head = { previous, commits: group.length, first, synced, generation };
    return encodeCommits(
      mark.id,
      head,
      group.map((waiting) => waiting.batch),
    );
  }

  #catalogueRecord(opened: OpenedLevel, fold: WaitingFold, dropped: number): Uint8Array {
    return encodeCatalogue(opened.mark.id, {
      generation: this.#generation + 1,
      folded: fold.folded,
      synced: this.#synced,
      previous: this.#kept[dropped - 1]?.crc ?? this.#droppedCrc,
      catalogue: fold.catalogue,
    });
  }

  #dropFolded(fold: WaitingFold, dropped: number): void {
    this.#generation += 1;
    this.#catalogue = fold.catalogue;
    this.#droppedCrc = this.#kept[dropped - 1]?.crc ?? this.#droppedCrc;
    for (const { first } of this.#kept.splice(0, dropped)) {
      this.#dropped.push(first);
    }
  }

  /** An unsynced commit must not be the last one in a file that LevelDB leaves. */
  #mustSync(): boolean {
    return this.#fileBytes > this.#options.rotateBytes || this.#reserve.isLeaving();
  }

  async #write(
    db: ClassicLevel<Uint8Array, Uint8Array>,
    operations: readonly Operation[],
    sync: boolean,
  ): Promise<void> {
    let bytes = 0;
    for (const operation of operations) {
      bytes += operation.key.length + (operation.type === 'put' ? operation.value.length : 0);
    }
    const space = logSpace(bytes, operations.length);
    // A disk that is full shows here, before LevelDB has written half a record.
    await this.#reserve.before(space);
    this.#fileBytes += space;
    this.#bytesSinceCompaction += space;
    try {
      await db.batch([...operations], { sync });
    } catch (error) {
      this.#failure = levelError(`cannot write the log in ${this.#folder}; it takes no more writes`, error);
      throw this.#failure;
    }
    if (sync) {
      this.#counts.syncs += 1;
    }
  }

  /** Rejects what was being written and all that waits behind it; the next commit is the one after the last written. */
  #fail(cause: unknown, failed: readonly { readonly reject: (error: VarveError) => void }[]): void {
    const failure = levelError(`cannot write the log in ${this.#folder}`, cause);
    const behind = [...this.#queue, ...this.#folds];
    this.#queue = [];
    this.#folds = [];
    this.#queueBytes = 0;
    this.#accepted = this.#written;
    this.#foldAccepted = Math.min(this.#foldAccepted, this.#written);
    for (const waiting of failed) {
      waiting.reject(failure);
    }
    for (const waiting of behind) {
      waiting.reject(this.#failure === undefined ? failure : this.#poisoned(failure));
    }
  }

  /** Everything written is synced: the mark says so, before anybody hears of it. */
  #noteSynced({ mark }: OpenedLevel): void {
    // While the log is being replayed only the catalogue moves on.
    if (this.#replay === undefined) {
      this.#synced = this.#written;
      this.#syncedCrc = this.#crc;
    }
    const { synced, generation } = mark.proven;
    if (synced !== this.#synced || generation !== this.#generation) {
      try {
        mark.write({ synced: this.#synced, crc: this.#syncedCrc, generation: this.#generation });
      } catch (error) {
        this.#failure = levelError(`cannot write the mark of the log in ${this.#folder}`, error);
        throw this.#failure;
      }
    }
  }

  /** Moves LevelDB on to a new log file, and lets it drop deleted records when most of what it holds is deleted. */
  async #rotate(db: ClassicLevel<Uint8Array, Uint8Array>): Promise<void> {
    if (this.#compaction !== undefined || this.#fileBytes <= this.#options.rotateBytes) {
      return;
    }
    try {
      await this.#reserve.leave();
    } catch (error) {
      this.#failure = levelError(`cannot move the log in ${this.#folder} on to a new file`, error);
      return;
    }
    this.#fileBytes = 0;
    const keptBytes = this.#bytesSinceCompaction * (this.#kept.length / (this.#counts.groups + 1));
    const isFull = this.#bytesSinceCompaction > 2 * keptBytes;
    if (isFull) {
      this.#bytesSinceCompaction = 0;
    }
    // Behind all keys there is nothing to compact: LevelDB only writes its memtable out and opens a new log.
    const start = isFull ? commitsKey(0) : keyBehindAll;
    this.#compaction = db.compactRange(start, keyBehindAll).then(
      () => {
        this.#compaction = undefined;
      },
      () => {
        // LevelDB refuses the next write then, and says why.
        this.#compaction = undefined;
      },
    );
  }

  #planIdle(): void {
    if (this.#opened !== undefined && !this.#isClosing) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = setTimeout(() => this.#idle(), idleMs);
      this.#idleTimer.unref();
    }
  }

  #idle(): void {
    const opened = this.#opened;
    if (
      opened === undefined ||
      this.#pump !== undefined ||
      this.#failure !== undefined ||
      this.#replay !== undefined
    ) {
      return;
    }
    // Beside the writes, so that none has to wait for it.
    this.#markSync = opened.mark.sync().catch((error: unknown) => {
      this.#failure ??= levelError(`cannot sync the mark of the log in ${this.#folder}`, error);
    });
    if (this.#dropped.length > 0) {
      this.#pump = this.#tidy(opened).then(() => this.#work());
    }
  }

  /** Deletes folded records while nothing else is to do. */
  async #tidy(opened: OpenedLevel): Promise<void> {
    while (this.#dropped.length > 0 && this.#queue.length === 0 && this.#folds.length === 0) {
      const firsts = this.#dropped.splice(0, deletionsPerWrite);
      try {
        const isSynced = this.#mustSync();
        await this.#write(opened.db, firsts.map(deletion), isSynced);
        if (isSynced) {
          this.#noteSynced(opened);
          await this.#rotate(opened.db);
        }
      } catch {
        // Housekeeping: the next write meets the same trouble, and somebody waits for its answer.
        this.#dropped.push(...firsts);
        return;
      }
    }
  }
}

function deletion(first: number): Operation {
  return { type: 'del', key: commitsKey(first) };
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message });
}

function folderBytes(folder: string): number {
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
