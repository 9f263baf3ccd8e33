/** Writes through the native log: queues packed batches, and settles a promise per acknowledgement. */
import { type Acknowledgement, type Durability, VarveError } from '@varve/interfaces';
import { errorOf, type Failure, type NativeStore, unwrap } from '@varve/native-embedded';

/** Takes packed batches and acknowledges each; the two durable logs differ only behind this. */
export interface BatchWriter {
  /** The batch is copied before the call returns. Batches commit in the order of the calls. */
  write(batch: Uint8Array, durability: Durability): Promise<Acknowledgement>;
}

interface Waiter {
  readonly resolve: (acknowledgement: Acknowledgement) => void;
  readonly reject: (error: Error) => void;
}

/** The longest delay of a timer; it only keeps the process alive while writes are under way. */
const keepAliveMs = 2 ** 31 - 1;

export class NativeWriter implements BatchWriter {
  readonly #waiters = new Map<number, Waiter>();
  /** Batches that the full queue did not take; they go first. */
  readonly #refused: (() => void)[] = [];
  readonly #keepAlive = setInterval(() => undefined, keepAliveMs);
  #store: NativeStore | undefined;
  #nextToken = 1;

  constructor() {
    this.#keepAlive.unref();
  }

  /** The store exists only after its callbacks do. */
  attach(store: NativeStore): void {
    this.#store = store;
  }

  detach(): void {
    this.#store = undefined;
    clearInterval(this.#keepAlive);
  }

  write(batch: Uint8Array, durability: Durability): Promise<Acknowledgement> {
    if (this.#refused.length > 0) return this.#writeLater(batch, durability);
    const token = this.#nextToken;
    try {
      this.#send(batch, durability, token);
    } catch (error) {
      // The queue is full: whatever is acknowledged next makes room.
      const isFull = error instanceof VarveError && error.code === 'LIMIT_EXCEEDED' && this.#waiters.size > 0;
      return isFull ? this.#writeLater(batch, durability) : Promise.reject(error as Error);
    }
    return this.#settled(token);
  }

  /** `onAcks` of the native store: see `AckMessage` in varve_napi. */
  readonly onAcks = (numbers: Float64Array, failure?: Failure | null): void => {
    if (failure === undefined || failure === null) {
      for (let at = 0; at < numbers.length; at += 3) {
        this.#take(numbers[at] as number)?.resolve({
          sequence: numbers[at + 1] as number,
          durability: numbers[at + 2] === 1 ? 'synced' : 'fast',
        });
      }
    } else for (const token of numbers) this.#take(token)?.reject(errorOf(failure));
    for (const retry of this.#refused.splice(0)) retry();
    if (this.#waiters.size === 0 && this.#refused.length === 0) this.#keepAlive.unref();
  };

  #send(batch: Uint8Array, durability: Durability, token: number): void {
    const store = this.#store;
    if (store === undefined) throw new VarveError('STORE_CLOSED', { message: 'the store is closed' });
    unwrap(store.write(batch, durability === 'synced', token));
    this.#nextToken = token + 1;
  }

  #settled(token: number): Promise<Acknowledgement> {
    if (this.#waiters.size === 0) this.#keepAlive.ref();
    return new Promise((resolve, reject) => this.#waiters.set(token, { resolve, reject }));
  }

  #writeLater(batch: Uint8Array, durability: Durability): Promise<Acknowledgement> {
    const copy = Uint8Array.prototype.slice.call(batch);
    return new Promise((resolve, reject) => {
      this.#refused.push(() => void this.write(copy, durability).then(resolve, reject));
    });
  }

  #take(token: number): Waiter | undefined {
    const waiter = this.#waiters.get(token);
    this.#waiters.delete(token);
    return waiter;
  }
}
