/**
 * Puts a new log in the place of a damaged one, in one durable step.
 *
 * The new log is made in `log.scratch`, synced, and named `log.next`. Then `log` is renamed to `log.old`: that is the
 * step. From there on `log.next` is the log, and whoever finds it without a `log` gives it its name. What is left of a
 * replacement while there is a `log` means nothing, and is removed. All of it is for whoever holds the store's lock.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from './high-water-mark.js';
import { levelError } from './level-errors.js';
import { catalogueKey, encodeCatalogue } from './log-record.js';
import { openLevel } from './open-level.js';

/** The folders of a store's log. */
export interface LogFolders {
  readonly log: string;
  readonly scratch: string;
  readonly next: string;
  readonly old: string;
}

export function logFolders(location: string): LogFolders {
  const folder = (name: string): string => join(location, name);
  return {
    log: folder('log'),
    scratch: folder('log.scratch'),
    next: folder('log.next'),
    old: folder('log.old'),
  };
}

/** Ends a replacement that was interrupted behind its step. @throws VarveError those of the disk */
export function finishReplacement(location: string): void {
  const { log, next } = logFolders(location);
  if (existsSync(log) || !existsSync(next)) return;
  try {
    renameSync(next, log);
    syncFolder(location);
  } catch (error) {
    throw levelError(`cannot rename ${next}`, error);
  }
}

/** Removes what replacements left, when there is nothing to finish. */
export function removeRemains(location: string): void {
  const { scratch, next, old } = logFolders(location);
  for (const folder of [scratch, next, old]) {
    if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
  }
}

/** What a new log begins with. */
export interface NewLog {
  readonly catalogue: Uint8Array;
  /** Every commit up to this one is folded in it. */
  readonly folded: number;
}

/** Makes a new log, which is not live yet. @throws VarveError those of the disk */
export async function makeLog(location: string, { catalogue, folded }: NewLog): Promise<void> {
  const { scratch } = logFolders(location);
  const { db, mark } = await openLevel(scratch, randomBytes);
  try {
    const generation = mark.proven.generation + 1;
    const value = encodeCatalogue(mark.id, { generation, folded, synced: folded, previous: 0, catalogue });
    await db.put(catalogueKey, value, { sync: true });
    mark.write({ synced: folded, crc: 0, generation });
    await mark.sync();
    syncFolder(scratch);
  } catch (error) {
    throw levelError(`cannot write a new log in ${scratch}`, error);
  } finally {
    mark.close();
    await db.close();
  }
}

/** Puts the log that was made in the place of the old one. @throws as `makeLog` */
export function replaceLog(location: string): void {
  const { log, scratch, next, old } = logFolders(location);
  try {
    renameSync(scratch, next);
    syncFolder(location);
    if (existsSync(log)) renameSync(log, old);
    syncFolder(location);
  } catch (error) {
    throw levelError(`cannot replace ${log}`, error);
  }
  finishReplacement(location);
  removeRemains(location);
}
