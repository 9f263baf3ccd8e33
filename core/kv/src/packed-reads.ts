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
  const packed = keys instanceof BigUint64Array ? packIntegers(keys) : { bytes: keys, ends: offsets };
  if (!(packed.bytes instanceof Uint8Array) || !(packed.ends instanceof Uint32Array))
    throw new VarveError('ARGUMENT_INVALID', {
      message: 'keys must be a Uint8Array with offsets as a Uint32Array, or a BigUint64Array',
    });
  unwrap(store.getMany(view, packed.bytes, packed.ends, out.bytes, out.ends, counters));
  out.count = counters[0] as number;
  out.found = counters[1] as number;
  out.byteCount = counters[2] as number;
  out.bytesNeeded = counters[3] as number;
  out.done = out.count === packed.ends.length;
  return out;
}

/** A scan over one native cursor. */
export class CursorScan implements PackedScan {
  readonly #cursor: NativeCursor;
  readonly #fields: number;

  constructor(store: NativeStore, view: NativeSnapshot | undefined, range: PackedRange) {
    this.#fields = fieldNumbers[range.fields ?? 'both'];
    if (this.#fields === undefined)
      throw new VarveError('ARGUMENT_INVALID', { message: 'fields is not keys, values or both' });
    this.#cursor = unwrap(store.cursor(nativeRange(range), view));
  }

  next(out: Packed): Packed {
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

function nativeRange({ gt, gte, lt, lte, reverse, limit }: PackedRange): KeyRange {
  const range: KeyRange = { reverse: reverse === true };
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
