/** Opens the LevelDB folder of a log: whose it is, whether its catalogue is the newest, and what is new. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VarveError } from '@varve/interfaces';
import type { ClassicLevel } from 'classic-level';
import { refuseBadTables } from './check-tables.js';
import { refuseHoles } from './find-hole.js';
import { HighWaterMark, markName } from './high-water-mark.js';
import { damaged, levelError } from './level-errors.js';
import {
  type CatalogueRecord,
  catalogueKey,
  decodeCatalogue,
  decodeFormat,
  encodeFormat,
  formatKey,
  logIdBytes,
} from './log-record.js';

/** An open folder that is proven to be a log, with its newest catalogue. */
export interface OpenedLevel {
  readonly db: ClassicLevel<Uint8Array, Uint8Array>;
  readonly mark: HighWaterMark;
  readonly catalogue: CatalogueRecord | undefined;
}

/** LevelDB never moves on to a new log file by itself: the log decides when (invariant 1 of `LogDisk`). */
const writeBufferSize = 1 << 30;

/**
 * Opens or creates the log in `folder`.
 *
 * The mark is created first and LevelDB last, and only the mark's generation 1 says that creation is complete, so a
 * crash at any point leaves a folder that is created anew, and a folder that lost a part is never taken for a new one.
 *
 * Errors: `STORE_LOCKED`, `STORE_DAMAGED`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`, `STORE_UNWRITABLE`, `STORE_FULL`,
 * `STORE_DESCRIPTORS`, `STORE_IO`.
 */
export async function openLevel(folder: string, random: (bytes: number) => Uint8Array): Promise<OpenedLevel> {
  const names = list(folder);
  const hasLevel = names.includes('CURRENT');
  const mark = openMark(folder, names);
  if (mark === undefined) {
    if (hasLevel) {
      checkCurrent(folder, names);
      throw await withoutMark(folder);
    }
    const foreign = names.find((name) => name !== markName);
    if (foreign !== undefined) {
      throw foreignFolder(folder, `it holds ${foreign}, which is not part of a log`);
    }
    return create(folder, HighWaterMark.create(folder, random(logIdBytes)));
  }
  try {
    if (mark.proven.generation === 0) {
      return await create(folder, mark);
    }
    if (!hasLevel) {
      throw damaged(`${folder}/CURRENT`, 'the file is missing although the log was in use');
    }
    checkCurrent(folder, names);
    refuseHoles(folder, mark);
    return await reopen(folder, mark);
  } catch (error) {
    mark.close();
    throw error;
  }
}

function list(folder: string): string[] {
  try {
    mkdirSync(folder, { recursive: true });
    return readdirSync(folder);
  } catch (error) {
    throw levelError(`cannot use ${folder}`, error);
  }
}

/** The mark; undefined when there is none, or only the remains of a creation that crashed. */
function openMark(folder: string, names: readonly string[]): HighWaterMark | undefined {
  try {
    return HighWaterMark.open(folder);
  } catch (error) {
    const isAlone = names.every((name) => name === markName);
    if (isAlone && error instanceof VarveError && error.code === 'STORE_DAMAGED') {
      return undefined;
    }
    throw error;
  }
}

/** LevelDB's error for a CURRENT that names nothing looks like any other missing file. */
function checkCurrent(folder: string, names: readonly string[]): void {
  const path = join(folder, 'CURRENT');
  let manifest: string;
  try {
    manifest = readFileSync(path, 'latin1');
  } catch (error) {
    throw levelError(`cannot read ${path}`, error);
  }
  if (!/^MANIFEST-\d+\n$/.test(manifest) || !names.includes(manifest.trimEnd())) {
    throw damaged(`${path}, offset 0`, 'it does not name a MANIFEST of the folder');
  }
}

async function openDatabase(folder: string, createIfMissing: boolean): Promise<OpenedLevel['db']> {
  await refuseBadTables(folder);
  const { ClassicLevel } = await loadLevel(folder);
  const db = new ClassicLevel<Uint8Array, Uint8Array>(folder, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing,
    writeBufferSize,
    // A log is read once, in order; compression would cost time on bytes that are deleted soon.
    cacheSize: 64 << 10,
    compression: false,
  });
  try {
    await db.open();
    return db;
  } catch (error) {
    throw levelError(`cannot open ${folder}`, error);
  }
}

/** LevelDB with its own addon: most stores have the native log and never need either. */
async function loadLevel(folder: string): Promise<typeof import('classic-level')> {
  try {
    return await import('classic-level');
  } catch (error) {
    throw levelError(`cannot load LevelDB to open ${folder}`, error);
  }
}

async function create(folder: string, mark: HighWaterMark): Promise<OpenedLevel> {
  const db = await openDatabase(folder, true);
  try {
    const [key] = await db.keys({ limit: 1 }).all();
    if (key !== undefined && !Buffer.from(formatKey).equals(key)) {
      throw damaged(`${folder}/${markName}`, 'the mark says that the log is new, but LevelDB holds records');
    }
    await db.put(formatKey, encodeFormat(mark.id), { sync: true });
    mark.write({ synced: 0, crc: 0, generation: 1 });
    await mark.sync();
    return { db, mark, catalogue: undefined };
  } catch (error) {
    await db.close();
    throw levelError(`cannot create the log in ${folder}`, error);
  }
}

async function reopen(folder: string, mark: HighWaterMark): Promise<OpenedLevel> {
  const db = await openDatabase(folder, false);
  try {
    const format = await db.get(formatKey);
    const id = format === undefined ? undefined : decodeFormat(format);
    if (id === undefined) {
      throw damaged(folder, `the record "format" is ${format === undefined ? 'missing' : 'damaged'}`);
    }
    if (!Buffer.from(id).equals(mark.id)) {
      throw damaged(`${folder}/${markName}`, 'the mark belongs to another log');
    }
    return { db, mark, catalogue: await readCatalogue(folder, db, mark) };
  } catch (error) {
    await db.close();
    throw levelError(`cannot read the log in ${folder}`, error);
  }
}

async function readCatalogue(
  folder: string,
  db: OpenedLevel['db'],
  mark: HighWaterMark,
): Promise<CatalogueRecord | undefined> {
  const value = await db.get(catalogueKey);
  const catalogue = value === undefined ? undefined : decodeCatalogue(mark.id, value);
  if (value !== undefined && catalogue === undefined) {
    throw damaged(folder, 'the record "catalogue" fails its checksum');
  }
  const generation = catalogue?.generation ?? 1;
  if (generation < mark.proven.generation) {
    throw damaged(
      folder,
      `the newest catalogue is gone: generation ${generation} is there, ${mark.proven.generation} was stored`,
    );
  }
  return catalogue;
}

/** The error for a LevelDB folder without a mark: a log that lost it, or somebody else's database. */
async function withoutMark(folder: string): Promise<VarveError> {
  const db = await openDatabase(folder, false);
  try {
    const format = await db.get(formatKey);
    if (format !== undefined && decodeFormat(format) !== undefined) {
      return damaged(`${folder}/${markName}`, 'the mark is missing');
    }
    return foreignFolder(folder, 'it is a LevelDB database that Varve did not write');
  } catch (error) {
    return levelError(`cannot read ${folder}`, error);
  } finally {
    await db.close();
  }
}

function foreignFolder(folder: string, why: string): VarveError {
  return new VarveError('STORE_FOREIGN', {
    message: `${folder} is not a log of Varve: ${why}`,
    hint: 'choose an empty folder, or import the database with importLevel',
  });
}
