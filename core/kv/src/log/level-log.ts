/**
 * The durable log on LevelDB (classic-level).
 *
 * LevelDB keeps the bytes; this class adds what LevelDB does not promise: one sync for everything that arrives together,
 * a number and a checksum on every record, and proof of where the log ends. Why, and what can be detected: design.md
 * beside this file. Here a log is opened, replayed, asked and closed; `GroupWriter` writes.
 */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { type Durability, type DurableLog, type LoggedCommit, VarveError } from '@varve/interfaces';
import { GroupWriter } from './group-writer.js';
import { type LevelLogOptions, levelLogOptions } from './level-options.js';
import { folderBytes } from './log-disk.js';
import { type OpenedLevel, openLevel } from './open-level.js';
import { LogReplay } from './replay-level.js';
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

/** An open log. */
interface OpenLog {
  readonly opened: OpenedLevel;
  readonly replay: LogReplay;
  readonly writer: GroupWriter;
}

/**
 * Folders open in this thread. LevelDB's own check drops its lock file's lock when it is asked twice. Neither sees other
 * paths to a folder, or other threads: a store has a lock for that.
 */
const openFolders = new Set<string>();

/**
 * The durable log in a LevelDB folder of its own.
 *
 * Whoever uses it without a store sees to it that no second one is opened on the folder by another path or in another
 * thread: LevelDB would remove files of the first.
 */
export class LevelLog implements DurableLog {
  readonly #folder: string;
  readonly #options: Required<LevelLogOptions>;
  #log: OpenLog | undefined;
  #isClosing = false;

  /** @param folder a folder that is the log's alone; created when it is missing */
  constructor(folder: string, options: LevelLogOptions = {}) {
    this.#folder = resolve(folder);
    this.#options = levelLogOptions(options);
  }

  async open(): Promise<void> {
    if (openFolders.has(this.#folder)) {
      throw new VarveError('STORE_LOCKED', {
        message: `${this.#folder} is open in this process`,
        hint: 'close the other store first; one process owns a directory',
      });
    }
    openFolders.add(this.#folder);
    try {
      const opened = await openLevel(this.#folder, randomBytes);
      const writer = new GroupWriter(this.#folder, opened, this.#options);
      const replay = new LogReplay(this.#folder, opened, writer.chain.kept);
      this.#log = { opened, replay, writer };
      this.#isClosing = false;
      if (!(await replay.hasRecords())) {
        for await (const _ of this.replay()) {
          // Nothing to replay: the verdict on the end is due at once.
        }
      }
    } catch (error) {
      const log = this.#forget();
      await log?.writer.disk.close();
      throw error;
    }
  }

  catalogue(): Uint8Array | undefined {
    return this.#open().writer.chain.catalogue;
  }

  /**
   * Commits that were given out may be folded before the end is reached: a log can hold more than memory does.
   *
   * @throws VarveError `STORE_DAMAGED` where the chain breaks, before anything behind the break is given out
   */
  async *replay(): AsyncGenerator<LoggedCommit> {
    const { replay, writer } = this.#open();
    if (!writer.isReplaying) {
      return;
    }
    for await (const commit of replay.commits()) {
      writer.chain.replayed(commit.sequence);
      yield commit;
    }
    await writer.goOnBehind(await replay.finish());
  }

  append(commit: LoggedCommit, durability: Durability): Promise<Durability> {
    const writer = this.#writable();
    if (writer instanceof VarveError) {
      return Promise.reject(writer);
    }
    const refusal = writer.isReplaying
      ? new VarveError('ARGUMENT_INVALID', { message: 'replay the log before appending' })
      : writer.waiting.refuseCommit(commit);
    if (refusal !== undefined) {
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      writer.waiting.addCommit({ batch: commit.batch, durability, resolve, reject });
      writer.start();
    });
  }

  fold(catalogue: Uint8Array, folded: number): Promise<void> {
    const writer = this.#writable();
    if (writer instanceof VarveError) {
      return Promise.reject(writer);
    }
    const refusal = writer.waiting.refuseFold(folded, writer.isReplaying ? writer.chain.written : undefined);
    if (refusal !== undefined) {
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      writer.waiting.addFold({ catalogue: catalogue.slice(), folded, resolve, reject });
      writer.start();
    });
  }

  /** Cost: asks the file system for the size of every file of the folder. */
  stats(): LogStats {
    const writer = this.#log?.writer;
    return {
      commits: writer?.counts.commits ?? 0,
      groups: writer?.counts.groups ?? 0,
      syncs: writer?.disk.syncs ?? 0,
      sequence: writer?.chain.written ?? 0,
      syncedSequence: writer?.chain.synced ?? 0,
      queuedBytes: writer?.waiting.bytes ?? 0,
      bytes: folderBytes(this.#folder),
    };
  }

  async close(): Promise<void> {
    const log = this.#log;
    if (log === undefined || this.#isClosing) {
      return;
    }
    this.#isClosing = true;
    try {
      await log.writer.close();
    } finally {
      this.#forget();
    }
  }

  /** Reads and checks every record; see `verifyLevel`. Errors: `STORE_CLOSED`. */
  async verify(): Promise<LogVerifyReport> {
    return verifyLevel(this.#open().opened);
  }

  #forget(): OpenLog | undefined {
    const log = this.#log;
    this.#log = undefined;
    openFolders.delete(this.#folder);
    return log;
  }

  #open(): OpenLog {
    if (this.#log === undefined || this.#isClosing) {
      throw this.#closed();
    }
    return this.#log;
  }

  /** What writes go to, or why there are none. */
  #writable(): GroupWriter | VarveError {
    if (this.#log === undefined || this.#isClosing) {
      return this.#closed();
    }
    const { writer } = this.#log;
    return writer.disk.failure === undefined ? writer : writer.poisoned(writer.disk.failure);
  }

  #closed(): VarveError {
    return new VarveError('STORE_CLOSED', { message: `the log in ${this.#folder} is not open` });
  }
}
