/** Keys and arguments of the packed calls, checked. Everything here throws `ARGUMENT_INVALID` unless it says more. */
import { type Packed, type PackedKey, type PackedRange, VarveError } from '@varve/interfaces';

/** What is wrong with an argument. */
export function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message });
}

/** The bytes that order a key: its own, or 8 bytes big-endian for an integer. */
export function keyBytes(key: PackedKey): Uint8Array {
  if (key instanceof Uint8Array) return key;
  if (typeof key === 'number' && !Number.isSafeInteger(key))
    throw invalid(`the key ${key} is no safe integer`);
  if (typeof key !== 'number' && typeof key !== 'bigint')
    throw invalid('a key is bytes, a number or a bigint');
  const integer = BigInt(key);
  if (integer < 0n || integer >= 2n ** 64n) throw invalid(`the key ${integer} is not in 0..2^64-1`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, integer);
  return bytes;
}

/** Every key of a packed list. */
export function unpackKeys(
  keys: Uint8Array | BigUint64Array,
  offsets: Uint32Array | undefined,
): readonly Uint8Array[] {
  if (keys instanceof BigUint64Array) {
    if (offsets !== undefined) throw invalid('integer keys have no offsets');
    return Array.from(keys, keyBytes);
  }
  if (!(keys instanceof Uint8Array)) throw invalid('keys are a Uint8Array or a BigUint64Array');
  if (!(offsets instanceof Uint32Array)) throw invalid('keys as bytes need offsets as a Uint32Array');
  let start = 0;
  return Array.from(offsets, (end) => {
    if (end < start || end > keys.length) throw invalid('the offsets do not ascend within the keys');
    const key = keys.subarray(start, end);
    start = end;
    return key;
  });
}

/** Checks the buffers of an answer that has at least `endCountMin` items. */
export function checkPacked(out: Packed, endCountMin: number): void {
  if (!(out?.bytes instanceof Uint8Array && out.ends instanceof Uint32Array)) {
    throw invalid('out is not made by createPacked');
  }
  if (out.ends.length < endCountMin) {
    throw invalid(`out.ends holds ${out.ends.length} items, ${endCountMin} are needed`);
  }
}

/** A range whose bounds are bytes, with every default filled in. */
export interface CheckedRange {
  readonly contains: (key: Uint8Array) => boolean;
  readonly reverse: boolean;
  readonly limit: number;
  readonly fields: 'keys' | 'values' | 'both';
}

const fieldNames: readonly unknown[] = ['keys', 'values', 'both'];

/** Checks a range. */
export function checkRange(range: PackedRange): CheckedRange {
  if (typeof range !== 'object' || range === null) throw invalid('a range is an object');
  const { gt, gte, lt, lte, reverse = false, limit = -1, fields = 'both' } = range;
  if (typeof reverse !== 'boolean') throw invalid('reverse is a boolean');
  if (!Number.isInteger(limit)) throw invalid('limit is an integer');
  if (!fieldNames.includes(fields)) throw invalid(`fields is one of ${fieldNames.join(', ')}`);
  const above = gte === undefined ? gt : gte;
  const below = lte === undefined ? lt : lte;
  const lower = above === undefined ? undefined : keyBytes(above);
  const upper = below === undefined ? undefined : keyBytes(below);
  const contains = (key: Uint8Array): boolean =>
    (lower === undefined || compareBytes(key, lower) >= (gte === undefined ? 1 : 0)) &&
    (upper === undefined || compareBytes(key, upper) <= (lte === undefined ? -1 : 0));
  return { contains, reverse, limit: limit < 0 ? Number.POSITIVE_INFINITY : limit, fields };
}

/** Byte order: -1, 0 or 1. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}
