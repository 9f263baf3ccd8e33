/** What files take on disk, and how their pages are put out of memory. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../command.js';

/** Bytes allocated on disk below a folder; a hole in a sparse file does not count, a preallocated log does. */
export const allocatedBytes = (folder: string): number =>
  filesBelow(folder).reduce((sum, file) => sum + lstatSync(file).blocks * 512, 0);

/**
 * Writes back and drops the page cache of every file below a folder, by posix_fadvise(DONTNEED) in coreutils' dd.
 * Pages that a process has mapped stay.
 */
export async function dropCache(folder: string): Promise<void> {
  for (const file of filesBelow(folder)) {
    await run('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
  }
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}
