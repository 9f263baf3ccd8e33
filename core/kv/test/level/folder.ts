/** What tests know of a log's folder on the disk: copies, synced lengths, power cuts, flipped bits. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SeededRandom } from '@varve/conformance';
import { HighWaterMark } from '../../src/log/high-water-mark.js';
import { putsOf, readLevelLog } from '../../src/log/leveldb-log-file.js';
import { catalogueKey, decodeCatalogue, decodeCommits } from '../../src/log/log-record.js';

/** A folder that nobody else uses, and its removal. */
export function freshFolder(): { readonly root: string; readonly remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'varve-level-'));
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** The log files of LevelDB, oldest first. */
export function logFiles(folder: string): string[] {
  const logs = readdirSync(folder).filter((name) => /^\d+\.log$/.test(name));
  return logs.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
}

/** Where the records of a log file end, and the end of the last one that the mark calls durable. */
export function syncedEnd(
  folder: string,
  name: string,
): { readonly synced: number; readonly ends: readonly number[] } {
  const mark = HighWaterMark.open(folder);
  if (mark === undefined) throw new Error(`no mark in ${folder}`);
  const { proven, id } = mark;
  mark.close();
  const ends: number[] = [];
  let synced = 0;
  readLevelLog(readFileSync(join(folder, name)), {
    record: ({ end, payload }) => {
      ends.push(end);
      for (const [key, value] of putsOf(payload)) {
        const isCatalogue = Buffer.from(catalogueKey).equals(key);
        const generation = isCatalogue ? decodeCatalogue(id, value)?.generation : undefined;
        const last = decodeCommits(id, key, value)?.last;
        const isSynced = (generation ?? Infinity) <= proven.generation || (last ?? Infinity) <= proven.synced;
        // The format's record is synced before anything else happens.
        if (isSynced || (generation === undefined && last === undefined)) synced = end;
      }
    },
    hole: () => {},
  });
  return { synced, ends };
}

/**
 * Copies a folder that may be in use as it is at one moment. LevelDB merges its tables on a thread of its own: a copy of
 * some files from before and some from behind a merge, which deletes what it merged, is nothing that a crash leaves.
 */
export function copyAtOnce(from: string, to: string, isWanted: (path: string) => boolean = () => true): void {
  let before: string;
  do {
    before = stateOf(from);
    rmSync(to, { recursive: true, force: true });
    try {
      cpSync(from, to, { recursive: true, filter: isWanted });
    } catch (error) {
      // A file went away: so the folder has changed, and is copied once more.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  } while (stateOf(from) !== before);
}

function stateOf(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const states = names.map((name) => {
    const stat = statSync(join(folder, name), { bigint: true, throwIfNoEntry: false });
    return `${name} ${stat?.size} ${stat?.mtimeNs}`;
  });
  return states.join();
}

/**
 * A copy of `from` as a power cut leaves it: of the newest log file only what was synced is certain; each record behind
 * it is kept, torn or gone, and the file may end anywhere there. `staleMark` is the mark as it was synced last.
 */
export function copyAfterPowerCut(from: string, to: string, random: SeededRandom, staleMark?: Buffer): void {
  copyAtOnce(from, to);
  const name = logFiles(to).at(-1);
  if (name !== undefined) {
    const path = join(to, name);
    const { synced, ends } = syncedEnd(to, name);
    const bytes = readFileSync(path);
    let start = synced;
    for (const end of ends.filter((end) => end > synced)) {
      const kept = random.pick([0, 0, end - start, random.below(end - start + 1)]);
      bytes.fill(0, start + kept, end);
      start = end;
    }
    bytes.fill(0, start);
    writeFileSync(
      path,
      random.oneIn(2) ? bytes : bytes.subarray(0, synced + random.below(start - synced + 1)),
    );
  }
  if (staleMark !== undefined && random.oneIn(2)) writeFileSync(join(to, 'MARK'), staleMark);
}

/** Flips one bit in one file, most often where something is stored. @returns where */
export function flipBit(folder: string, random: SeededRandom): string | undefined {
  const files = readdirSync(folder).filter((name) => readFileSync(join(folder, name)).length > 0);
  if (files.length === 0) return undefined;
  const name = random.pick(files);
  const bytes = readFileSync(join(folder, name));
  const stored = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const offset = random.below(random.oneIn(8) || stored === 0 ? bytes.length : stored);
  bytes[offset] = (bytes[offset] ?? 0) ^ (1 << random.below(8));
  writeFileSync(join(folder, name), bytes);
  return `${name}:${offset}`;
}
