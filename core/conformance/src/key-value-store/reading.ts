/** Reads through the packed calls, as the plain values that a check compares. Keys and values as hex. */
import assert from 'node:assert/strict';
import {
  createPacked,
  type Packed,
  type PackedKey,
  type PackedRange,
  type PackedScan,
  packedMissing,
  type ViewOptions,
} from '@varve/interfaces';
import { hex } from '../checks.js';
import type { StoreUnderTest } from './factory.js';

/** The value of a key by `getInto`, or undefined. */
export function read(store: StoreUnderTest, key: PackedKey, options?: ViewOptions): string | undefined {
  const buffer = new Uint8Array(256);
  const length = store.getInto(key, buffer, options);
  if (length === -1) return undefined;
  if (length <= buffer.length) return hex(buffer.subarray(0, length));
  const larger = new Uint8Array(length);
  assert.equal(store.getInto(key, larger, options), length);
  return hex(larger);
}

/** Packs keys as `getManyPacked` takes them. */
export function packKeys(keys: readonly Uint8Array[]): {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
} {
  let end = 0;
  const offsets = Uint32Array.from(keys, (key) => {
    end += key.length;
    return end;
  });
  return { bytes: Buffer.concat(keys), offsets };
}

/**
 * The values of keys by `getManyPacked`, undefined where missing.
 *
 * Goes on after every early stop, with a buffer of `byteCount` bytes that grows only when not one value fits.
 */
export function readMany(
  store: StoreUnderTest,
  keys: readonly Uint8Array[],
  { byteCount, ...options }: ViewOptions & { readonly byteCount: number },
): readonly (string | undefined)[] {
  const values: (string | undefined)[] = [];
  let out = createPacked({ byteCount, endCount: keys.length });
  while (values.length < keys.length) {
    const { bytes, offsets } = packKeys(keys.slice(values.length));
    assert.equal(store.getManyPacked(bytes, offsets, out, options), out, 'returns what it was given');
    const answers = unpackMany(out);
    values.push(...answers);
    assert.equal(out.done, values.length === keys.length, 'done tells whether keys are left');
    if (answers.length === 0) out = grown(out);
  }
  return values;
}

/** The answers that `getManyPacked` left in `out`, each of its counters checked. */
export function unpackMany(out: Packed): readonly (string | undefined)[] {
  let start = 0;
  let found = 0;
  const answers = Array.from(out.ends.subarray(0, out.count), (marked) => {
    const isMissing = marked >= packedMissing;
    const end = isMissing ? marked - packedMissing : marked;
    assert.ok(end >= start && end <= out.bytes.length, 'ends ascend within the bytes');
    const value = hex(out.bytes.subarray(start, end));
    if (isMissing) assert.equal(end, start, 'a missing key has no bytes');
    else found += 1;
    start = end;
    return isMissing ? undefined : value;
  });
  assert.equal(out.byteCount, start, 'byteCount is where the last answer ends');
  assert.equal(out.found, found, 'found counts the keys that exist');
  return answers;
}

/** One entry of a scan; what `fields` leaves out is undefined. */
export type Scanned = readonly [key: string | undefined, value: string | undefined];

/** How a scan is read. */
export interface ScanSize {
  readonly byteCount: number;
  readonly endCount: number;
}

/** All entries of a range by `openScan`, chunk after chunk. */
export function scan(
  store: StoreUnderTest,
  range: PackedRange,
  { byteCount, endCount, ...options }: ScanSize & ViewOptions,
): readonly Scanned[] {
  const cursor = store.openScan(range, options);
  try {
    return drain(cursor, range.fields ?? 'both', { byteCount, endCount });
  } finally {
    cursor.close();
  }
}

/** Reads a scan to its end with buffers that grow only when not one entry fits. */
export function drain(
  cursor: PackedScan,
  fields: 'keys' | 'values' | 'both',
  size: ScanSize,
): readonly Scanned[] {
  const entries: Scanned[] = [];
  let out = createPacked(size);
  for (;;) {
    assert.equal(cursor.next(out), out, 'returns what it was given');
    entries.push(...unpackScan(out, fields));
    if (out.done) return entries;
    if (out.count === 0) out = grown(out);
  }
}

/** The entries that a scan left in `out`. */
export function unpackScan(out: Packed, fields: 'keys' | 'values' | 'both'): readonly Scanned[] {
  let start = 0;
  const next = (at: number): string => {
    const end = out.ends[at] ?? -1;
    assert.ok(end >= start && end <= out.bytes.length, 'ends ascend within the bytes');
    const field = hex(out.bytes.subarray(start, end));
    start = end;
    return field;
  };
  const entries = Array.from({ length: out.count }, (_, at): Scanned => {
    if (fields === 'keys') return [next(at), undefined];
    if (fields === 'values') return [undefined, next(at)];
    const key = next(2 * at);
    return [key, next(2 * at + 1)];
  });
  assert.equal(out.byteCount, start, 'byteCount is where the last field ends');
  return entries;
}

/** Buffers with room for the answer that did not fit. */
function grown(out: Packed): Packed {
  assert.ok(out.bytesNeeded > out.bytes.length, 'bytesNeeded tells what the next answer needs');
  return createPacked({ byteCount: out.bytesNeeded, endCount: out.ends.length });
}
