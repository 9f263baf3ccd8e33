/**
 * What the log stores under its keys in LevelDB.
 *
 * Keys: `C` and the first commit's sequence (8 bytes, big endian) for a record of commits, so that LevelDB's order is
 * the log's; `catalogue`; `format`. Values are little endian and begin with `u32 magic, u32 crc`; the checksum covers
 * everything behind itself and the id of the log, so that a record of another log never fits.
 *
 * One record holds one group of commits: `u32 previous` (checksum of the record before it), `u32 commits`, `u64 first`,
 * `u64 synced`, `u32 generation`, `u32 0`, then per commit `u32 bytes` and its packed batch. `synced` and `generation`
 * are the last commit and the last catalogue known to be durable when the record was written: they are what tells rot
 * from a torn tail.
 */
import { VarveError } from '@varve/interfaces';
import { crc32 } from './checksum.js';

/** Format of the log, stored under `format`. A higher one is `STORE_NEWER_FORMAT`. */
export const logFormat = 1;

/** Bytes of a log's random id. */
export const logIdBytes = 16;

export const formatKey: Uint8Array = Buffer.from('format');
export const catalogueKey: Uint8Array = Buffer.from('catalogue');

/** No key of the log is behind this one. */
export const keyBehindAll: Uint8Array = Buffer.from('~');

const formatMagic = 0x31464c56; // "VLF1"
const commitsMagic = 0x31474c56; // "VLG1"
const catalogueMagic = 0x31434c56; // "VLC1"
const checkedAt = 8;
/** Bytes in front of the batches, of the catalogue, and of a whole record of the format. */
export const commitsHeadBytes = 40;
export const catalogueHeadBytes = 32;
export const formatBytes: number = 12 + logIdBytes;

/** The head of a record of commits. */
export interface CommitsHead {
  /** Checksum of the record before this one; 0 in front of the first. */
  readonly previous: number;
  readonly commits: number;
  readonly first: number;
  readonly synced: number;
  readonly generation: number;
}

/** A record of commits, proven whole. */
export interface CommitsRecord extends CommitsHead {
  readonly last: number;
  readonly crc: number;
  readonly batches: readonly Uint8Array[];
}

/** The catalogue record. */
export interface CatalogueRecord {
  /** Counts the folds of this log. */
  readonly generation: number;
  /** Every commit up to this one is dropped. */
  readonly folded: number;
  /** Last commit known to be synced when it was written. */
  readonly synced: number;
  /** Checksum of the last record that is dropped whole; 0 when there is none. */
  readonly previous: number;
  readonly catalogue: Uint8Array;
}

/** The key of the record that begins with commit `first`. */
export function commitsKey(first: number): Uint8Array {
  const key = Buffer.allocUnsafe(9);
  key[0] = 0x43;
  key.writeBigUInt64BE(BigInt(first), 1);
  return key;
}

/** The first commit that a key names; undefined when it is not a key of a record. */
export function firstOfKey(key: Uint8Array): number | undefined {
  if (key.length !== 9 || key[0] !== 0x43) {
    return undefined;
  }
  const first = view(key).getBigUint64(1);
  return first > 0n && first <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(first) : undefined;
}

/** Encodes a group of commits. Cost: one allocation and one copy of the batches. */
export function encodeCommits(
  id: Uint8Array,
  head: CommitsHead,
  batches: readonly Uint8Array[],
): { readonly bytes: Uint8Array; readonly crc: number } {
  let length = commitsHeadBytes;
  for (const batch of batches) {
    length += 4 + batch.length;
  }
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeUInt32LE(commitsMagic, 0);
  bytes.writeUInt32LE(head.previous, 8);
  bytes.writeUInt32LE(head.commits, 12);
  bytes.writeBigUInt64LE(BigInt(head.first), 16);
  bytes.writeBigUInt64LE(BigInt(head.synced), 24);
  bytes.writeUInt32LE(head.generation, 32);
  bytes.writeUInt32LE(0, 36);
  let at = commitsHeadBytes;
  for (const batch of batches) {
    bytes.writeUInt32LE(batch.length, at);
    bytes.set(batch, at + 4);
    at += 4 + batch.length;
  }
  return { bytes, crc: seal(id, bytes) };
}

/** Decodes the value under `key`; undefined unless it proves to belong there. The batches are views. */
export function decodeCommits(id: Uint8Array, key: Uint8Array, value: Uint8Array): CommitsRecord | undefined {
  const first = firstOfKey(key);
  if (first === undefined || value.length < commitsHeadBytes || !isSealed(id, commitsMagic, value)) {
    return undefined;
  }
  const fields = view(value);
  const commits = fields.getUint32(12, true);
  const record = {
    crc: fields.getUint32(4, true),
    previous: fields.getUint32(8, true),
    commits,
    first,
    last: first + commits - 1,
    synced: Number(fields.getBigUint64(24, true)),
    generation: fields.getUint32(32, true),
  };
  const batches: Uint8Array[] = [];
  let at = commitsHeadBytes;
  while (at + 4 <= value.length) {
    const end = at + 4 + fields.getUint32(at, true);
    if (end > value.length) {
      return undefined;
    }
    batches.push(value.subarray(at + 4, end));
    at = end;
  }
  const isWhole = at === value.length && batches.length === commits && commits > 0;
  return isWhole && Number(fields.getBigUint64(16, true)) === first ? { ...record, batches } : undefined;
}

export function encodeCatalogue(id: Uint8Array, record: CatalogueRecord): Uint8Array {
  const bytes = Buffer.allocUnsafe(catalogueHeadBytes + record.catalogue.length);
  bytes.writeUInt32LE(catalogueMagic, 0);
  bytes.writeUInt32LE(record.generation, 8);
  bytes.writeUInt32LE(record.previous, 12);
  bytes.writeBigUInt64LE(BigInt(record.folded), 16);
  bytes.writeBigUInt64LE(BigInt(record.synced), 24);
  bytes.set(record.catalogue, catalogueHeadBytes);
  seal(id, bytes);
  return bytes;
}

export function decodeCatalogue(id: Uint8Array, value: Uint8Array): CatalogueRecord | undefined {
  if (value.length < catalogueHeadBytes || !isSealed(id, catalogueMagic, value)) {
    return undefined;
  }
  const fields = view(value);
  return {
    generation: fields.getUint32(8, true),
    previous: fields.getUint32(12, true),
    folded: Number(fields.getBigUint64(16, true)),
    synced: Number(fields.getBigUint64(24, true)),
    catalogue: value.slice(catalogueHeadBytes),
  };
}

/** The value of `format`: the format and the log's id. */
export function encodeFormat(id: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(formatBytes);
  bytes.writeUInt32LE(formatMagic, 0);
  bytes.writeUInt32LE(logFormat, 8);
  bytes.set(id, 12);
  seal(id, bytes);
  return bytes;
}

/**
 * Reads the value of `format`; undefined when it is damaged or of another make.
 *
 * @throws VarveError `STORE_NEWER_FORMAT`
 */
export function decodeFormat(value: Uint8Array): Uint8Array | undefined {
  const id = value.slice(12, formatBytes);
  if (value.length < formatBytes || !isSealed(id, formatMagic, value)) {
    return undefined;
  }
  const format = view(value).getUint32(8, true);
  if (format > logFormat) {
    throw new VarveError('STORE_NEWER_FORMAT', {
      message: `the log has format ${format}; this Varve reads up to ${logFormat}`,
      hint: 'open it with the Varve that wrote it, or a newer one',
    });
  }
  return id;
}

function seal(id: Uint8Array, bytes: Buffer): number {
  const crc = checksum(id, bytes);
  bytes.writeUInt32LE(crc, 4);
  return crc;
}

function isSealed(id: Uint8Array, magic: number, bytes: Uint8Array): boolean {
  const fields = view(bytes);
  return fields.getUint32(0, true) === magic && fields.getUint32(4, true) === checksum(id, bytes);
}

function checksum(id: Uint8Array, bytes: Uint8Array): number {
  return crc32(bytes.subarray(checkedAt), crc32(id));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
