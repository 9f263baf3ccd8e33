/**
 * Packs operations into the batch format of varve_kv, byte for byte what the log stores.
 *
 * Little endian, repeated: u8 op (1 put, 2 delete), u32 key length, u32 value length (0 for a delete), key, value.
 */
import { type PackedKey, VarveError } from '@varve/interfaces';
import { keyBytesMax, keyTooLarge } from './key-bytes.js';

/** Largest packed batch, in bytes (`BATCH_BYTES_MAX` of varve_kv). */
export const batchBytesMax: number = 256 * 2 ** 20;
/** Longest value, in bytes (`VALUE_BYTES_MAX` of varve_kv). */
export const valueBytesMax: number = 64 * 2 ** 20;

const headBytes = 9;
/** A builder that grew beyond this lets go of its memory after use. */
const keptBytes = 2 ** 20;

/** Builds one batch at a time in memory of its own, which the next batch overwrites. A failed one is to be `reset`. */
export class BatchBuilder {
  #bytes: Buffer = Buffer.allocUnsafeSlow(4096);
  #end = 0;

  /** Adds a put. @throws VarveError KEY_TOO_LARGE, VALUE_TOO_LARGE, LIMIT_EXCEEDED, ARGUMENT_INVALID */
  put(key: PackedKey | string, value: Uint8Array | string): void {
    const start = this.#end;
    const keyLength = this.#writeKey(key);
    const valueLength =
      typeof value === 'string' ? this.#writeText(value, false) : this.#writeBytes(value, false);
    this.#writeHead(start, 1, keyLength, valueLength);
  }

  /** Adds a delete. @throws as `put` */
  del(key: PackedKey | string): void {
    const start = this.#end;
    this.#writeHead(start, 2, this.#writeKey(key), 0);
  }

  /** Drops what was added, and the half of an operation that failed. */
  reset(): void {
    this.#end = 0;
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafeSlow(4096);
  }

  get byteCount(): number {
    return this.#end;
  }

  /** The batch; valid until the next operation is added. */
  finish(): Buffer {
    const batch = this.#bytes.subarray(0, this.#end);
    this.reset();
    return batch;
  }

  #writeHead(start: number, op: number, keyLength: number, valueLength: number): void {
    this.#bytes[start] = op;
    this.#bytes.writeUInt32LE(keyLength, start + 1);
    this.#bytes.writeUInt32LE(valueLength, start + 5);
  }

  /** Leaves room for the head, then writes the key. */
  #writeKey(key: PackedKey | string): number {
    this.#reserve(headBytes + 8);
    this.#end += headBytes;
    if (typeof key === 'object') return this.#writeBytes(key, true);
    if (typeof key === 'string') return this.#writeText(key, true);
    if (typeof key === 'number' ? !Number.isSafeInteger(key) || key < 0 : typeof key !== 'bigint')
      throw invalid(`${String(key)} is not a key`);
    if (BigInt(key) < 0n || BigInt(key) > 0xffff_ffff_ffff_ffffn)
      throw invalid(`${String(key)} is not a 64-bit key`);
    this.#bytes.writeBigUInt64BE(BigInt(key), this.#end);
    this.#end += 8;
    return 8;
  }

  #writeBytes(bytes: Uint8Array, isKey: boolean): number {
    if (!(bytes instanceof Uint8Array))
      throw invalid(`a ${isKey ? 'key' : 'value'} must be a Uint8Array, not ${typeof bytes}`);
    const { length } = bytes;
    checkLength(length, isKey);
    this.#reserve(length);
    const target = this.#bytes;
    const end = this.#end;
    if (length <= 24) for (let at = 0; at < length; at++) target[end + at] = bytes[at] as number;
    else target.set(bytes, end);
    this.#end = end + length;
    return length;
  }

  #writeText(text: string, isKey: boolean): number {
    // At most three bytes per UTF-16 unit.
    if (this.#end + text.length * 3 > this.#bytes.length) {
      const byteCount = Buffer.byteLength(text);
      checkLength(byteCount, isKey);
      this.#reserve(byteCount);
    }
    const length = this.#bytes.write(text, this.#end);
    checkLength(length, isKey);
    this.#end += length;
    return length;
  }

  #reserve(byteCount: number): void {
    const needed = this.#end + byteCount;
    if (needed <= this.#bytes.length) return;
    if (needed > batchBytesMax)
      throw new VarveError('LIMIT_EXCEEDED', {
        message: `a batch of ${needed} bytes is over the limit of ${batchBytesMax}`,
        hint: 'write several smaller batches',
      });
    const grown = Buffer.allocUnsafeSlow(Math.min(batchBytesMax, Math.max(needed, this.#bytes.length * 2)));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}

/** Before room is made for it: what no batch could hold is over this limit first. */
function checkLength(byteCount: number, isKey: boolean): void {
  if (byteCount > (isKey ? keyBytesMax : valueBytesMax))
    throw (isKey ? keyTooLarge : valueTooLarge)(byteCount);
}

function valueTooLarge(byteCount: number): VarveError {
  return new VarveError('VALUE_TOO_LARGE', {
    message: `a value of ${byteCount} bytes is over the limit of ${valueBytesMax}`,
    hint: 'split the value over several keys',
  });
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', {
    message,
    hint: 'keys are bytes or 64-bit integers, values are bytes',
  });
}
