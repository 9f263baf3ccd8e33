/** Memory that IPC is written into again and again. */

/** Where Flechette writes a stream. Memory of its own for each would have to be collected, which stops the event loop. */
export class BytesSink {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacity bytes that it has room for before it grows */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** What was written since the last `clear`, as long as nothing else is. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  clear(): void {
    this.#length = 0;
  }

  write(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes zeros. */
  pad(byteCount: number): void {
    this.#reserve(byteCount);
    this.#bytes.fill(0, this.#length, this.#length + byteCount);
    this.#length += byteCount;
  }

  finish(): Uint8Array {
    return this.written;
  }

  #reserve(byteCount: number): void {
    const wanted = this.#length + byteCount;
    if (wanted <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length));
    larger.set(this.written);
    this.#bytes = larger;
  }
}
