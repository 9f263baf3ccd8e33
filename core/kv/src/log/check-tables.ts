/**
 * Checks LevelDB's tables before LevelDB opens them.
 *
 * LevelDB does not verify their checksums while it reads, and on what it finds in a damaged block it aborts the whole
 * process or goes on for ever: seen with classic-level 3.0.0, whose LevelDB 1.20 is built with its assertions. Only
 * tables that the MANIFEST names are checked; a power cut may leave others half written.
 *
 * Formats: LevelDB, doc/table_format.md, and db/version_edit.cc for the MANIFEST.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { damaged, levelError } from './level-errors.js';
import { isChecked } from './leveldb-checksum.js';
import { readLevelLog } from './leveldb-log-file.js';
import { LevelReader } from './leveldb-varint.js';

const footerBytes = 48;
const magic = Buffer.from([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);

/** Type and checksum behind each block. */
const trailerBytes = 5;

/**
 * Cost: one pass over the tables, about 3 ns per byte.
 *
 * @throws VarveError `STORE_DAMAGED` with file and offset
 */
export function refuseBadTables(folder: string): void {
  for (const number of liveTables(folder)) {
    const name = String(number).padStart(6, '0');
    const path = ['ldb', 'sst'].map((kind) => join(folder, `${name}.${kind}`)).find((one) => existsSync(one));
    const bad = path === undefined ? undefined : firstBadBlock(read(path));
    if (path !== undefined && bad !== undefined) {
      throw damaged(`${path}, offset ${bad}`, 'a block of the table fails its checksum');
    }
  }
}

/** Offset of the first block that is not as it was written, in the order of the index. */
function firstBadBlock(table: Buffer): number | undefined {
  const footer = table.length - footerBytes;
  if (footer < 0 || !table.subarray(-magic.length).equals(magic)) {
    return Math.max(0, footer);
  }
  const handles = new LevelReader(table, footer);
  const [metaindex, index] = [handleOf(handles), handleOf(handles)];
  if (!isSound(table, metaindex) || !isSound(table, index)) {
    return footer;
  }
  const block = table.subarray(index.offset, index.offset + index.bytes);
  const restarts = block.length < 4 ? 0 : block.readUInt32LE(block.length - 4);
  const entries = new LevelReader(block.subarray(0, Math.max(0, block.length - 4 - 4 * restarts)));
  while (entries.hasMore) {
    entries.number();
    const key = entries.number();
    const value = entries.number();
    entries.take(key);
    const handle = handleOf(new LevelReader(entries.take(value) ?? block.subarray(0, 0)));
    if (!isSound(table, handle)) {
      return handle.offset;
    }
  }
  return undefined;
}

interface BlockHandle {
  readonly offset: number;
  readonly bytes: number;
}

function handleOf(reader: LevelReader): BlockHandle {
  return { offset: reader.number(), bytes: reader.number() };
}

function isSound(table: Buffer, { offset, bytes }: BlockHandle): boolean {
  const end = offset + bytes;
  return end + trailerBytes <= table.length && isChecked(table, end + 1, offset, end + 1);
}

/** Numbers of the tables that the MANIFEST names; whatever is amiss with it, LevelDB says. */
function liveTables(folder: string): Set<number> {
  const live = new Set<number>();
  const current = join(folder, 'CURRENT');
  const name = existsSync(current) ? read(current).toString('latin1').trimEnd() : '';
  const manifest = join(folder, name);
  if (/^MANIFEST-\d+$/.test(name) && existsSync(manifest)) {
    const record = ({ payload }: { readonly payload: Uint8Array }): void => applyEdit(payload, live);
    readLevelLog(read(manifest), { record, hole: () => undefined });
  }
  return live;
}

/** One edit of the MANIFEST: fields behind their tags. */
function applyEdit(edit: Uint8Array, live: Set<number>): void {
  const fields = new LevelReader(edit);
  while (fields.hasMore) {
    switch (fields.number()) {
      case 1: // comparator
        fields.field();
        break;
      case 5: // where a compaction goes on: level and key
        fields.number();
        fields.field();
        break;
      case 6: // deleted: level and number
        fields.number();
        live.delete(fields.number());
        break;
      case 7: // new: level, number, bytes and end keys
        fields.number();
        live.add(fields.number());
        fields.number();
        fields.field();
        fields.field();
        break;
      default: // numbers of logs, files and operations
        fields.number();
    }
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw levelError(`cannot read ${path}`, error);
  }
}
