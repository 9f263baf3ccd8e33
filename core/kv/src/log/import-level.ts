/**
 * Copies any LevelDB folder into a Varve store.
 *
 * Keys and values are copied byte for byte, so the prefixes of sublevels and every encoding stay as they are. The copy
 * goes in commits of a few thousand entries; each carries the key it ends with in a note inside the target, and the last
 * one removes the note. An import that was interrupted is therefore noticed (`interruptedImport`) and goes on behind its
 * last commit. Entries that the target holds under the same keys are overwritten; others stay.
 *
 * The source is opened by LevelDB, and nothing is written to it. LevelDB's own opening does what it always does: it
 * takes the lock, renames LOG to LOG.old, turns the log into a table and writes a new MANIFEST; later it may compact.
 * LevelDB does not verify its tables' checksums while it reads, so they are verified before it opens them. It drops
 * damaged records of its log without a word, which cannot be told here.
 */
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type KeyValueStore,
  type PackedOperation,
  requireObject,
  requirePath,
  VarveError,
} from '@varve/interfaces';
import type { ClassicLevel } from 'classic-level';
import { refuseBadTables } from './check-tables.js';
import { markName } from './high-water-mark.js';
import { isMissing, levelError } from './level-errors.js';

/** The part of a store that an import writes to. */
export type ImportTarget = Pick<KeyValueStore, 'commit' | 'getInto'>;

/** How far an import is. */
export interface ImportProgress {
  /** Entries copied so far, including those before an interruption. */
  readonly entries: number;
  /** Bytes of keys and values copied by this call. */
  readonly bytes: number;
  /** Bytes of the source's files: an estimate of what there is to copy; compression makes it smaller. */
  readonly sourceBytes: number;
}

/** What is copied, where to, and how. */
export interface ImportOptions {
  /** The LevelDB folder. */
  readonly from: string;
  readonly to: ImportTarget;
  /** Is called behind every commit. */
  readonly progress?: (progress: ImportProgress) => void;
  /** Begins anew instead of going on behind the last commit of an interrupted import. */
  readonly restart?: boolean;
  readonly signal?: AbortSignal;
}

/** What is known of an import that did not come to its end. */
export interface InterruptedImport {
  readonly from: string;
  /** Entries that are in the target. */
  readonly entries: number;
  /** Everything up to this key is in the target. */
  readonly lastKey: Uint8Array;
}

/** Where the note is kept: behind every key that text or JSON makes. */
const noteKey: Uint8Array = Buffer.concat([Buffer.from([0xff, 0xff]), Buffer.from('varve/import')]);

const chunkEntries = 4096;
const chunkBytes = 4 << 20;

/**
 * Copies the LevelDB database in `from` into the store `to`, or goes on with an interrupted copy; the source must not
 * have changed since. This process must not have it open: LevelDB does not notice that by another path to the folder, or
 * in another thread, and removes files of the one that is open.
 *
 * Cost: two passes over the source; the first one checks it, before `progress` is called.
 *
 * @returns entries in the copy
 * @throws VarveError `STORE_MISSING` no such folder; `STORE_FOREIGN` not a LevelDB folder, or the log of a Varve
 *   store; `STORE_LOCKED` in use; `STORE_DAMAGED` a table fails its checksum, or what LevelDB notices; `ARGUMENT_INVALID`
 *   when the target has an unfinished import of another folder; `KEY_TOO_LARGE` or `VALUE_TOO_LARGE` when an entry is over
 *   the target's limits; what `commit` throws
 */
export async function importLevel(options: ImportOptions): Promise<number> {
  checkOptions(options);
  const from = resolve(options.from);
  const { to, signal } = options;
  const sourceBytes = checkSource(from);
  const interrupted = options.restart === true ? undefined : interruptedImport(to);
  if (interrupted !== undefined && interrupted.from !== from) {
    throw new VarveError('ARGUMENT_INVALID', {
      message: `the store holds an unfinished import of ${interrupted.from}`,
      hint: 'finish that one first, or pass restart: true',
    });
  }
  await refuseBadTables(from, signal);
  const db = await openSource(from);
  let entries = interrupted?.entries ?? 0;
  let bytes = 0;
  try {
    const range = interrupted === undefined ? {} : { gt: interrupted.lastKey };
    const iterator = db.iterator({ ...range, highWaterMarkBytes: chunkBytes, fillCache: false });
    try {
      for (;;) {
        signal?.throwIfAborted();
        const chunk = await iterator.nextv(chunkEntries);
        const last = chunk.at(-1);
        if (last === undefined) {
          break;
        }
        const operations: PackedOperation[] = [];
        for (const [key, value] of chunk) {
          refuseNoteKey(key);
          operations.push({ type: 'put', key, value });
          bytes += key.length + value.length;
        }
        entries += chunk.length;
        operations.push({
          type: 'put',
          key: noteKey,
          value: encodeNote({ from, entries, lastKey: last[0] }),
        });
        await to.commit(operations, { durability: 'fast' });
        options.progress?.({ entries, bytes, sourceBytes });
      }
    } finally {
      await iterator.close();
    }
    // Synced, and every commit before it with it.
    await to.commit([{ type: 'del', key: noteKey }], { durability: 'synced' });
    return entries;
  } catch (error) {
    throw signal?.aborted === true ? error : levelError(`cannot import ${from}`, error);
  } finally {
    await db.close();
  }
}

/** The import of `store` that did not come to its end; undefined when there is none. */
export function interruptedImport(store: ImportTarget): InterruptedImport | undefined {
  let note = new Uint8Array(4096);
  let length = store.getInto(noteKey, note);
  if (length > note.length) {
    note = new Uint8Array(length);
    length = store.getInto(noteKey, note);
  }
  return length < 0 ? undefined : decodeNote(note.subarray(0, length));
}

/** @throws VarveError ARGUMENT_INVALID */
function checkOptions(options: ImportOptions): void {
  requireObject(options, 'what to import');
  const { from, to, progress, signal } = options;
  requirePath(from, 'from');
  const isStore = typeof to?.commit === 'function' && typeof to.getInto === 'function';
  if (!isStore) throw invalid('to is not a store', 'pass what open() resolved to');
  if (progress !== undefined && typeof progress !== 'function') throw invalid('progress is not a function');
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal is not an AbortSignal');
}

function invalid(message: string, hint = ''): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message, hint });
}

/**
 * Bytes of the folder's files. Refuses what is not a LevelDB folder before LevelDB could create files in it, and the log of
 * a store before LevelDB could remove files that a store has open.
 */
function checkSource(from: string): number {
  let names: string[];
  try {
    names = readdirSync(from);
  } catch (error) {
    if (!isMissing(error)) {
      throw levelError(`cannot read ${from}`, error);
    }
    throw new VarveError('STORE_MISSING', { message: `there is no folder ${from}`, cause: error });
  }
  if (!names.includes('CURRENT') || !names.some((name) => name.startsWith('MANIFEST-'))) {
    throw new VarveError('STORE_FOREIGN', {
      message: `${from} is not a LevelDB folder: it has no CURRENT and MANIFEST`,
      hint: 'give the folder that was passed to LevelDB (the one with MANIFEST-… and .ldb files)',
    });
  }
  if (names.includes(markName)) {
    throw new VarveError('STORE_FOREIGN', {
      message: `${from} is the log of a Varve store`,
      hint: 'open the store, which is the folder around it',
    });
  }
  return names.reduce(
    (sum, name) => sum + (statSync(join(from, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

async function openSource(from: string): Promise<ClassicLevel<Uint8Array, Uint8Array>> {
  const { ClassicLevel } = await import('classic-level');
  const db = new ClassicLevel<Uint8Array, Uint8Array>(from, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: false,
  });
  try {
    await db.open();
    return db;
  } catch (error) {
    throw levelError(`cannot open ${from}`, error);
  }
}

function refuseNoteKey(key: Uint8Array): void {
  if (key.length === noteKey.length && Buffer.from(noteKey).equals(key)) {
    throw new VarveError('ARGUMENT_INVALID', {
      message: 'the source holds the key under which an import keeps its note (ff ff "varve/import")',
      hint: 'finish the interrupted import in the source first, or delete the key there',
    });
  }
}

/** `u32 bytes of from, from, f64 entries, last key`, little endian. */
function encodeNote({ from, entries, lastKey }: InterruptedImport): Uint8Array {
  const path = Buffer.from(from);
  const note = Buffer.alloc(12 + path.length + lastKey.length);
  note.writeUInt32LE(path.length, 0);
  note.set(path, 4);
  note.writeDoubleLE(entries, 4 + path.length);
  note.set(lastKey, 12 + path.length);
  return note;
}

function decodeNote(bytes: Uint8Array): InterruptedImport {
  const note = Buffer.from(bytes);
  const pathEnd = note.length < 12 ? Number.POSITIVE_INFINITY : 4 + note.readUInt32LE(0);
  if (pathEnd + 8 > note.length) {
    throw new VarveError('STORE_DAMAGED', {
      message: 'the note of an import (key ff ff "varve/import") is malformed',
    });
  }
  return {
    from: note.toString('utf8', 4, pathEnd),
    entries: note.readDoubleLE(pathEnd),
    lastKey: new Uint8Array(note.subarray(pathEnd + 8)),
  };
}
