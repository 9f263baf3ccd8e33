/** Reads the numbers and length-prefixed bytes of LevelDB's files (util/coding.h). */
export class LevelReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** True until everything was read. */
  get hasMore(): boolean {
    return this.at < this.bytes.length;
  }

  /** The next varint; behind the end its bytes are zeros. */
  number(): number {
    let number = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = this.bytes[this.at++] ?? 0;
      number += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        break;
      }
    }
    return number;
  }

  /** The next number of `width` bytes, little endian, at most 4; behind the end its bytes are zeros. */
  fixed(width: number): number {
    let number = 0;
    for (let index = 0; index < width; index++) number += (this.bytes[this.at++] ?? 0) * 2 ** (8 * index);
    return number;
  }

  /** The next `length` bytes; undefined when there are less. */
  take(length: number): Uint8Array | undefined {
    this.at += length;
    return this.at <= this.bytes.length ? this.bytes.subarray(this.at - length, this.at) : undefined;
  }

  /** Bytes behind their length. */
  field(): Uint8Array | undefined {
    return this.take(this.number());
  }
}
