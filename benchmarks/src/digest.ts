/** A running digest of answers, to compare engines before any time is believed. Not cryptographic. */
export class Digest {
  #a = 0x811c9dc5;
  #b = 0x9747b28c;

  /** Adds `bytes[start..end]` as one answer. */
  add(bytes: Uint8Array, start: number, end: number): void {
    let a = this.#a;
    let b = this.#b;
    for (let i = start; i < end; i++) {
      const byte = bytes[i] ?? 0;
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul((b << 5) ^ (b >>> 27) ^ byte, 0x85ebca6b);
    }
    this.#a = a;
    this.#b = b;
    // The length keeps "ab","c" and "a","bc" apart.
    this.#mix(end - start);
  }

  /** Adds the answer "not there". */
  addMissing(): void {
    this.#mix(-1);
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#b = Math.imul((this.#b << 5) ^ (this.#b >>> 27) ^ word, 0x85ebca6b);
  }

  /** 16 hexadecimal digits over everything added so far, in order. */
  toString(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#a) + hex(this.#b);
  }
}
