/**
 * The durable log in its simplest correct form, on a `Disk`.
 *
 * Three files: `log` holds records one after another, `catalogue` the folded sequence and the catalogue, `mark` the
 * last sequence that was acknowledged as synced. The mark tells a torn tail, which nobody was promised, from damage.
 *
 * A record: `u32 byteCount`, `u64 sequence` (little endian), SHA-256 over both and the batch, then the batch.
 */
import { createHash } from 'node:crypto';
import {
  type Disk,
  type Durability,
  type DurableLog,
  type LoggedCommit,
  VarveError,
} from '@varve/interfaces';
import { invalid } from './packed-key.js';

const headBytes = 12;
const hashBytes = 32;
const readLimit = { byteCountMax: 1 << 30 };

/** Where a log lives, and which log object owns it. */
export interface ReferenceLogPlace {
  readonly disk: Disk;
  owner: DurableLog | undefined;
}

/** The log that others are compared with. */
export class ReferenceLog implements DurableLog {
  readonly #place: ReferenceLogPlace;
  #commits: LoggedCommit[] = [];
  #catalogue: Uint8Array | undefined;
  #foldedSequence = 0;
  #isPoisoned = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(place: ReferenceLogPlace) {
    this.#place = place;
  }

  async open(): Promise<void> {
    if (this.#place.owner !== undefined && this.#place.owner !== this) {
      throw new VarveError('STORE_LOCKED', { message: 'another log object has this place open' });
    }
    this.#place.owner = this;
    try {
      await this.#load();
    } catch (error) {
      this.#place.owner = undefined;
      throw error;
    }
  }

  catalogue(): Uint8Array | undefined {
    this.#checkOpen();
    return this.#catalogue?.slice();
  }

  async *replay(): AsyncIterable<LoggedCommit> {
    this.#checkOpen();
    const commits = this.#commits.slice();
    for (const { sequence, batch } of commits) yield { sequence, batch: batch.slice() };
  }

  append({ sequence, batch }: LoggedCommit, durability: Durability): Promise<Durability> {
    const copy = batch.slice();
    return this.#inTurn(async () => {
      if (sequence !== this.#lastSequence() + 1) {
        throw invalid(`commit ${sequence} does not follow ${this.#lastSequence()}`);
      }
      await this.#place.disk.append('log', record(sequence, copy));
      this.#commits.push({ sequence, batch: copy });
      if (durability === 'synced') await this.#sync();
      return durability;
    });
  }

  fold(catalogue: Uint8Array, foldedSequence: number): Promise<void> {
    const copy = catalogue.slice();
    return this.#inTurn(async () => {
      if (foldedSequence < this.#foldedSequence || foldedSequence > this.#lastSequence()) {
        throw invalid(`sequence ${foldedSequence} is not in the log`);
      }
      await this.#place.disk.replace('catalogue', record(foldedSequence, copy));
      this.#catalogue = copy;
      this.#foldedSequence = foldedSequence;
      this.#commits = this.#commits.filter((commit) => commit.sequence > foldedSequence);
      await this.#rewrite();
    });
  }

  async close(): Promise<void> {
    if (this.#place.owner !== this) return;
    await this.#turn;
    if (!this.#isPoisoned && this.#commits.length > 0) await this.#sync();
    this.#place.owner = undefined;
  }

  /** Reads all three files. Errors: `STORE_DAMAGED` naming file and offset. */
  async #load(): Promise<void> {
    const stored = await this.#place.disk.read('catalogue', readLimit);
    const catalogue = stored && single('catalogue', stored);
    this.#catalogue = catalogue?.batch;
    this.#foldedSequence = catalogue?.sequence ?? 0;
    const mark = await this.#place.disk.read('mark', readLimit);
    const syncedSequence = mark === undefined ? 0 : single('mark', mark).sequence;
    const log = (await this.#place.disk.read('log', readLimit)) ?? new Uint8Array();
    const { commits, end } = parse(log);
    this.#commits = commits.filter(({ sequence }) => sequence > this.#foldedSequence);
    const isGapless = this.#commits.every(({ sequence }, at) => sequence === this.#foldedSequence + 1 + at);
    if (!isGapless || this.#lastSequence() < syncedSequence) throw damaged('log', end);
    if (end < log.length) await this.#rewrite();
  }

  async #sync(): Promise<void> {
    await this.#place.disk.sync('log');
    await this.#place.disk.replace('mark', record(this.#lastSequence(), new Uint8Array()));
  }

  async #rewrite(): Promise<void> {
    const records = this.#commits.map(({ sequence, batch }) => record(sequence, batch));
    await this.#place.disk.replace('log', Buffer.concat(records));
  }

  #lastSequence(): number {
    return this.#commits.at(-1)?.sequence ?? this.#foldedSequence;
  }

  /** Runs one write after another; a failure of the disk poisons the log. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      this.#checkOpen();
      if (this.#isPoisoned)
        throw new VarveError('STORE_POISONED', { message: 'a write to disk failed before' });
      try {
        return await task();
      } catch (error) {
        this.#isPoisoned = !(error instanceof VarveError && error.code === 'ARGUMENT_INVALID');
        throw error;
      }
    });
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #checkOpen(): void {
    if (this.#place.owner !== this) throw new VarveError('STORE_CLOSED', { message: 'the log is closed' });
  }
}

function record(sequence: number, batch: Uint8Array): Uint8Array {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(batch.length);
  head.writeBigUInt64LE(BigInt(sequence), 4);
  return Buffer.concat([head, hashOf(head, batch), batch]);
}

/** Every whole record from the start, and where they end. */
function parse(bytes: Uint8Array): { readonly commits: readonly LoggedCommit[]; readonly end: number } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const commits: LoggedCommit[] = [];
  let end = 0;
  while (end + headBytes + hashBytes <= view.length) {
    const head = view.subarray(end, end + headBytes);
    const bodyStart = end + headBytes + hashBytes;
    const bodyEnd = bodyStart + head.readUInt32LE();
    const batch = view.subarray(bodyStart, bodyEnd);
    const isWhole =
      bodyEnd <= view.length && hashOf(head, batch).equals(view.subarray(end + headBytes, bodyStart));
    if (!isWhole) break;
    commits.push({ sequence: Number(head.readBigUInt64LE(4)), batch: Uint8Array.from(batch) });
    end = bodyEnd;
  }
  return { commits, end };
}

function single(file: string, bytes: Uint8Array): LoggedCommit {
  const { commits, end } = parse(bytes);
  const [only] = commits;
  if (only === undefined || end !== bytes.length) throw damaged(file, 0);
  return only;
}

function hashOf(head: Uint8Array, batch: Uint8Array): Buffer {
  return createHash('sha256').update(head).update(batch).digest();
}

function damaged(file: string, offset: number): VarveError {
  return new VarveError('STORE_DAMAGED', {
    message: `${file}, offset ${offset}: a record fails its checksum`,
  });
}
