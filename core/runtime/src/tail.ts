/** The last items of a stream, and how many were let go. */
export class Tail<T> {
  readonly #itemsMax: number;
  readonly #ring: T[] = [];
  /** Where the next item goes once the ring is full; the oldest is there. */
  #next = 0;
  #missedCount = 0;

  /** @param itemsMax items kept, at least 1 */
  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  push(item: T): void {
    if (this.#ring.length < this.#itemsMax) {
      this.#ring.push(item);
      return;
    }
    this.#ring[this.#next] = item;
    this.#next = (this.#next + 1) % this.#itemsMax;
    this.#missedCount += 1;
  }

  /** A copy, oldest first. */
  items(): readonly T[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  /** Takes everything out. */
  take(): { readonly items: readonly T[]; readonly missedCount: number } {
    const taken = { items: this.items(), missedCount: this.#missedCount };
    this.#ring.length = 0;
    this.#next = 0;
    this.#missedCount = 0;
    return taken;
  }
}
