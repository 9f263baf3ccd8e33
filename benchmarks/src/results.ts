/** Reads and writes results. The committed ones live in benchmarks/results, one file per suite and size. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from './result.js';

/** Folder of the committed results. */
export const resultsFolder: string = fileURLToPath(new URL('../results/', import.meta.url));

/** Every committed run, the real sizes first; none in a clone where nothing was measured. */
export function readResults(): readonly Run[] {
  if (!existsSync(resultsFolder)) return [];
  return readdirSync(resultsFolder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(`${resultsFolder}${name}`, 'utf8')) as Run)
    .toSorted((a, b) => a.size.localeCompare(b.size));
}

export function writeResult(file: string, run: Run): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`);
}
