/** Many reads in one native call: packed keys in, packed answers out. */
import { type Packed, type PackedRange, type PackedScan, VarveError } from '@varve/interfaces';
import {
  type KeyRange,
  type NativeCursor,
  type NativeSnapshot,
  type NativeStore,
  unwrap,
} from '@varve/native-embedded';
import { keyBytes } from './key-bytes.js';

/** What native calls report in: see `getMany` and `fill` of varve_napi. */
const counters = new Uint32Array(4);

const fieldNumbers = { keys: 0, values: 1, both: 2 } as const;

/** See `KeyValueStore.getManyPacked`. */
export function getManyPacked(
  store: NativeStore,
  view: NativeSnapshot | undefined,
  keys: Uint8Array | BigUint64Array,
  offsets: Uint32Array | undefined,
  out: Packed,
): Packed {
  checkPacked(out, 0);
  const packed = keys instanceof BigUint64Array ? packIntegers(keys) : { bytes: keys, ends: offsets };
  if (!(packed.bytes instanceof Uint8Array) || !(packed.ends instanceof Uint32Array))
    throw new VarveError('ARGUMENT_INVALID', {
      message: 'keys must be a Uint8Array with offsets as a Uint32Array, or a BigUint64Array',
    });
  unwrap(store.getMany(view, packed.bytes, packed.ends, out.bytes, out.ends, counters));
  out.count = counters[0] as number;
  out.found = counters[1] as number;
  out.byteCount = counters[2] as number;
  out.bytesNeeded = out.count === 0 ? (counters[3] as number) : 0;
  out.done = out.count === packed.ends.length;
  return out;
}

/** A scan over one native cursor. */
export class CursorScan implements PackedScan {
  readonly #cursor: NativeCursor;
  readonly #fields: number;
  readonly #checkOpen: () => void;

  /** @param checkOpen throws when the store is closed: the cursor alone would go on reading its snapshot */
  constructor(
    store: NativeStore,
    view: NativeSnapshot | undefined,
    range: PackedRange,
    checkOpen: () => void,
  ) {
    const checked = nativeRange(range);
    this.#fields = fieldNumberOf(range.fields ?? 'both');
    this.#cursor = unwrap(store.cursor(checked, view));
    this.#checkOpen = checkOpen;
  }

  next(out: Packed): Packed {
    this.#checkOpen();
    checkPacked(out, this.#fields === fieldNumbers.both ? 2 : 1);
    unwrap(this.#cursor.fill(this.#fields, out.bytes, out.ends, counters));
    out.count = counters[0] as number;
    out.found = out.count;
    out.byteCount = counters[1] as number;
    out.done = counters[2] === 1;
    out.bytesNeeded = counters[3] as number;
    return out;
  }

  close(): void {
    this.#cursor.close();
  }
}

/** The buffers of a caller, who may be untyped. @param endCountMin items that the answer has at least */
function checkPacked(out: Packed, endCountMin: number): void {
  if (!(out?.bytes instanceof Uint8Array) || !(out.ends instanceof Uint32Array))
    throw invalid('the answer goes into what createPacked made: bytes as Uint8Array, ends as Uint32Array');
  if (out.ends.length < endCountMin)
    throw invalid(`ends has ${out.ends.length} items, one entry needs ${endCountMin}`);
}

/** Only the three names: an inherited one such as `constructor` is none. */
function fieldNumberOf(fields: string): number {
  if (fields === 'keys' || fields === 'values' || fields === 'both') return fieldNumbers[fields];
  throw invalid('fields is not keys, values or both');
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message, hint: 'see KeyValueStore' });
}

function nativeRange(given: PackedRange): KeyRange {
  if (typeof given !== 'object' || given === null) throw invalid('the range is not an object');
  const { gt, gte, lt, lte, reverse = false, limit } = given;
  if (typeof reverse !== 'boolean') throw invalid('reverse is not a boolean');
  if (limit !== undefined && !Number.isInteger(limit)) throw invalid('limit is not an integer');
  const range: KeyRange = { reverse };
  if (gt !== undefined) range.gt = keyBytes(gt);
  if (gte !== undefined) range.gte = keyBytes(gte);
  if (lt !== undefined) range.lt = keyBytes(lt);
  if (lte !== undefined) range.lte = keyBytes(lte);
  if (limit !== undefined) range.limit = limit;
  return range;
}

let integerBytes = Buffer.alloc(0);
let integerEnds = new Uint32Array(0);

/** Big-endian bytes of 64-bit integers, in buffers that the next call overwrites. */
function packIntegers(keys: BigUint64Array): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
  const count = keys.length;
  if (integerEnds.length < count) {
    integerBytes = Buffer.alloc(count * 8);
    integerEnds = Uint32Array.from({ length: count }, (_, at) => (at + 1) * 8);
  }
  new Uint8Array(integerBytes.buffer, integerBytes.byteOffset, count * 8).set(
    new Uint8Array(keys.buffer, keys.byteOffset, count * 8),
  );
  // JavaScript's typed arrays are little-endian on every platform that Node runs on here.
  integerBytes.subarray(0, count * 8).swap64();
  return { bytes: integerBytes.subarray(0, count * 8), ends: integerEnds.subarray(0, count) };
}
