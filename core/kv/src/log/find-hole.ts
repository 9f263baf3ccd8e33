/**
 * Looks for damage in LevelDB's log files before LevelDB opens them.
 *
 * LevelDB skips what is damaged and then deletes the file, and with it the evidence and whatever could still be read
 * there. So synced commits that are gone are found here, with file and offset, while nothing has been touched. What
 * this cannot tell (damage in front of the first commit of the files, in tables, in the catalogue's record) is found
 * after opening, by the chain of records.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HighWaterMark } from './high-water-mark.js';
import { damaged, isMissing, levelError } from './level-errors.js';
import { putsOf, readLevelLog } from './leveldb-log-file.js';
import { decodeCommits } from './log-record.js';

/**
 * Cost: one pass over the log files, about 3 ns per byte.
 *
 * @throws VarveError `STORE_DAMAGED` when a synced commit is missing behind a damaged place
 */
export function refuseHoles(folder: string, mark: HighWaterMark): void {
  let last: number | undefined;
  let proven = mark.proven.synced;
  let hole: { readonly place: string; readonly what: string; readonly next: number } | undefined;
  let isBridged = false;
  for (const name of logFiles(folder)) {
    const path = join(folder, name);
    readLevelLog(read(path), {
      record: ({ payload }) => {
        for (const [key, value] of putsOf(payload)) {
          const commits = decodeCommits(mark.id, key, value);
          if (commits !== undefined) {
            proven = Math.max(proven, commits.synced);
            // The first record behind a hole tells whether anything is missing in it.
            isBridged ||= hole !== undefined && commits.first <= hole.next;
            last = Math.max(last ?? 0, commits.last);
          }
        }
      },
      hole: ({ offset, what }) => {
        if (last !== undefined) {
          hole ??= { place: `${path}, offset ${offset}`, what, next: last + 1 };
        }
      },
    });
  }
  if (hole !== undefined && !isBridged && proven >= hole.next) {
    throw damaged(hole.place, `${hole.what}; commits from ${hole.next} on were synced and are lost there`);
  }
}

function logFiles(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /^\d+\.log$/.test(name));
  return names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}

/** The file's bytes; empty when its owner removed it meanwhile. */
function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isMissing(error)) {
      return new Uint8Array(0);
    }
    throw levelError(`cannot read ${path}`, error);
  }
}
