/** Folders and their sizes. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of the files in `folder` and in what is below it. */
export function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}
