/**
 * Where generated data lies: outside the clone, made once and used by every run. `VARVE_BENCH_DATA` names another place.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder of the cache, filled at first use. It appears under its name only when it is whole.
 *
 * @param name of the data and everything that it depends on: another content needs another name
 * @param make fills the empty folder that it gets
 */
export async function dataFolder(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const all = process.env['VARVE_BENCH_DATA'] ?? join(homedir(), '.cache', 'varve', 'bench-data');
  const folder = join(all, name);
  if (existsSync(folder)) return folder;
  mkdirSync(all, { recursive: true });
  const unfinished = mkdtempSync(join(all, `${name}-unfinished-`));
  try {
    await make(unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
