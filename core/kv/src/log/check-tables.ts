/**
 * Checks LevelDB's tables before LevelDB opens them: those of a log, and those of a database that is imported.
 *
 * LevelDB does not verify their checksums while it reads, so it hands out damaged values; and on what it finds in a
 * damaged block it may abort the whole process or go on for ever: seen with classic-level 3.0.0, whose LevelDB 1.20 is
 * built with its assertions. Only tables that the MANIFEST names are checked; a power cut may leave others half written.
 *
 * Formats: LevelDB, doc/table_format.md, and db/version_edit.cc for the MANIFEST.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { damaged, isMissing, levelError } from './level-errors.js';
import { isChecked } from './leveldb-checksum.js';
import { readLevelLog } from './leveldb-log-file.js';
import { unsnap } from './leveldb-snappy.js';
import { LevelReader } from './leveldb-varint.js';

const footerBytes = 48;
const magic = Buffer.from([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);

/** Type and checksum behind each block. */
const trailerBytes = 5;

/**
 * Cost: one pass over the tables, about 3 ns per byte, one table in memory at a time.
 *
 * @throws VarveError `STORE_DAMAGED` with file and offset; the errors of the disk; what `signal` says when it aborts
 */
export async function refuseBadTables(folder: string, signal?: AbortSignal): Promise<void> {
  for (const number of await liveTables(folder)) {
    signal?.throwIfAborted();
    const stem = join(folder, String(number).padStart(6, '0'));
    const ldb = await read(`${stem}.ldb`);
    const table = ldb ?? (await read(`${stem}.sst`));
    const bad = table === undefined ? undefined : firstBadBlock(table);
    if (bad !== undefined) {
      const place = `${stem}.${ldb === undefined ? 'sst' : 'ldb'}, offset ${bad}`;
      throw damaged(place, 'a block of the table fails its checksum');
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
  const block = contentOf(table, index);
  if (block === undefined) {
    return undefined;
  }
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

/** What a sound block holds; undefined for compression of another kind, of which LevelDB says so. */
function contentOf(table: Buffer, { offset, bytes }: BlockHandle): Buffer | undefined {
  const stored = table.subarray(offset, offset + bytes);
  switch (table[offset + bytes]) {
    case 0:
      return stored;
    case 1:
      return unsnap(stored);
    default:
      return undefined;
  }
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
async function liveTables(folder: string): Promise<Set<number>> {
  const live = new Set<number>();
  const name = (await read(join(folder, 'CURRENT')))?.toString('latin1').trimEnd() ?? '';
  const manifest = /^MANIFEST-\d+$/.test(name) ? await read(join(folder, name)) : undefined;
  if (manifest !== undefined) {
    const record = ({ payload }: { readonly payload: Uint8Array }): void => applyEdit(payload, live);
    readLevelLog(manifest, { record, hole: () => undefined });
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

/** The bytes of a file; undefined when it is gone. */
async function read(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw levelError(`cannot read ${path}`, error);
  }
}
