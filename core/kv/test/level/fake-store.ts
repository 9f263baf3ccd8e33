/** The external-log side of the native store in memory: two memtables, folds that go out as wishes, a catalogue. */
import { VarveError } from '@varve/interfaces';
import type { ExternalStore, Fold } from '../../src/log/external-writer.js';

export class FakeStore implements ExternalStore {
  /** Commits that reads see, by sequence. */
  readonly applied: string[] = [];
  readonly #memtableCommits: number;
  #folded: number;
  #open: Fold | undefined;
  #tickets = 0;
  onFold: (fold: Fold) => void = () => {};

  constructor(memtableCommits: number, catalogue?: Uint8Array) {
    this.#memtableCommits = memtableCommits;
    this.applied = catalogue === undefined ? [] : (JSON.parse(Buffer.from(catalogue).toString()) as string[]);
    this.#folded = this.applied.length;
  }

  get foldedSequence(): number {
    return this.#folded;
  }

  catalogue(): Uint8Array {
    return Buffer.from(JSON.stringify(this.applied.slice(0, this.#folded)));
  }

  canApply(batch: Uint8Array): boolean {
    if (batch[0] === 0xff)
      throw new VarveError('ARGUMENT_INVALID', { message: 'the packed batch is malformed' });
    return this.applied.length - this.#folded < 2 * this.#memtableCommits;
  }

  apply(batch: Uint8Array, sequence: number): void {
    if (sequence !== this.applied.length + 1 || !this.canApply(batch)) {
      throw new VarveError('ARGUMENT_INVALID', { message: `commit ${sequence} was applied out of turn` });
    }
    this.applied.push(Buffer.from(batch).toString());
    if (this.#open === undefined && sequence - this.#folded >= this.#memtableCommits) this.#wish(sequence);
  }

  foldCommitted(ticket: number): void {
    this.#folded = this.#take(ticket).foldedSequence;
  }

  foldFailed(ticket: number): void {
    const { foldedSequence } = this.#take(ticket);
    setTimeout(() => this.#wish(foldedSequence), 5);
  }

  #take(ticket: number): Fold {
    const fold = this.#open;
    if (fold?.ticket !== ticket)
      throw new VarveError('ARGUMENT_INVALID', { message: `no fold ${ticket} is open` });
    this.#open = undefined;
    return fold;
  }

  #wish(foldedSequence: number): void {
    this.#tickets += 1;
    const catalogue = Buffer.from(JSON.stringify(this.applied.slice(0, foldedSequence)));
    const fold = { ticket: this.#tickets, catalogue, foldedSequence };
    this.#open = fold;
    setImmediate(() => this.onFold(fold));
  }
}
