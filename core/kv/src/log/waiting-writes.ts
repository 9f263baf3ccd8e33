/** Commits and folds that wait for the disk, in the order of the calls, and what may not join them. */
import { type Durability, type LoggedCommit, VarveError } from '@varve/interfaces';
import { batchBytesMax } from '../batch-builder.js';

/** Somebody who waits for an answer. */
export interface Waiting {
  readonly reject: (error: VarveError) => void;
}

export interface WaitingCommit extends Waiting {
  readonly batch: Uint8Array;
  readonly durability: Durability;
  readonly resolve: (reached: Durability) => void;
}

export interface WaitingFold extends Waiting {
  readonly catalogue: Uint8Array;
  readonly folded: number;
  readonly resolve: () => void;
}

export class WaitingWrites {
  readonly #bytesMax: number;
  #commits: WaitingCommit[] = [];
  #folds: WaitingFold[] = [];
  #bytes = 0;
  /** Last commit that waits, or is written. */
  #last = 0;
  /** What the last fold asked for. */
  #folded: number;

  /** @param folded last commit that the log's catalogue has folded */
  constructor(bytesMax: number, folded: number) {
    this.#bytesMax = bytesMax;
    this.#folded = folded;
  }

  /** Bytes of the commits. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasAny(): boolean {
    return this.#commits.length > 0 || this.#folds.length > 0;
  }

  /** The log was replayed: its last commit is `last`. */
  goOnBehind(last: number): void {
    this.#last = last;
  }

  /** Why the commit may not join; undefined when it may. */
  refuseCommit({ sequence, batch }: LoggedCommit): VarveError | undefined {
    if (sequence !== this.#last + 1) {
      return invalid(`commit ${sequence} was appended, commit ${this.#last + 1} is next`);
    }
    if (batch.length > batchBytesMax) {
      return new VarveError('LIMIT_EXCEEDED', {
        message: `a batch of ${batch.length} bytes is over the limit of ${batchBytesMax}`,
        hint: 'write several smaller batches',
      });
    }
    if (this.#bytes > 0 && this.#bytes + batch.length > this.#bytesMax) {
      return new VarveError('LIMIT_EXCEEDED', {
        message: `${this.#bytes} bytes of commits wait for the disk already`,
        hint: 'wait for an acknowledgement before writing more',
      });
    }
    return undefined;
  }

  /** Why the fold may not join; undefined when it may. @param last what may be folded; what waits, too, by default */
  refuseFold(folded: number, last: number = this.#last): VarveError | undefined {
    return folded >= this.#folded && folded <= last
      ? undefined
      : invalid(`folded commit ${folded} is not in ${this.#folded}..${last}`);
  }

  addCommit(commit: WaitingCommit): void {
    this.#last += 1;
    this.#bytes += commit.batch.length;
    this.#commits.push(commit);
  }

  addFold(fold: WaitingFold): void {
    this.#folded = fold.folded;
    this.#folds.push(fold);
  }

  /** The oldest commits, `bytesMax` of them, and at least one. */
  takeGroup(bytesMax: number): WaitingCommit[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#commits) {
      if (count > 0 && bytes + waiting.batch.length > bytesMax) {
        break;
      }
      bytes += waiting.batch.length;
      count += 1;
    }
    this.#bytes -= bytes;
    if (count === this.#commits.length) {
      const all = this.#commits;
      this.#commits = [];
      return all;
    }
    return this.#commits.splice(0, count);
  }

  /** The next fold, once what it drops is written. */
  takeFold(written: number): WaitingFold | undefined {
    const [fold] = this.#folds;
    return fold !== undefined && fold.folded <= written ? this.#folds.shift() : undefined;
  }

  /** Everything that waits; the next commit is the one behind `written` then. */
  takeAll(written: number): Waiting[] {
    const all = [...this.#commits, ...this.#folds];
    this.#commits = [];
    this.#folds = [];
    this.#bytes = 0;
    this.#last = written;
    this.#folded = Math.min(this.#folded, written);
    return all;
  }
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message });
}
