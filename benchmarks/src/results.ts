/**
 * Reads and writes results. The committed ones live in benchmarks/results, one file per suite and size.
 *
 * A run that did not come to its end gets a file of its own beside it, and never replaces one that did.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from './result.js';

/** Folder of the committed results. */
export const resultsFolder: string = fileURLToPath(new URL('../results/', import.meta.url));

/**
 * One run of every suite and size that a folder holds, the real sizes first; an incomplete one only where there is none
 * that is whole. None in a clone where nothing was measured.
 */
export function readResults(folder: string = resultsFolder): readonly Run[] {
  if (!existsSync(folder)) return [];
  const runs = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as Run);
  const isWhole = ({ incomplete }: Run): boolean => incomplete === undefined;
  return runs
    .filter(
      (run) =>
        isWhole(run) ||
        !runs.some((other) => isWhole(other) && other.suite === run.suite && other.size === run.size),
    )
    .toSorted((a, b) => a.size.localeCompare(b.size));
}

/** Writes a whole run, in place of an incomplete one. @returns the file */
export function writeResult(file: string, run: Run): string {
  rmSync(incompleteFile(file), { force: true });
  return write(file, run);
}

/** Writes an incomplete run beside `file`. @returns the file that was written */
export const writeIncomplete = (file: string, run: Run): string => write(incompleteFile(file), run);

const incompleteFile = (file: string): string => file.replace(/(?:\.json)?$/, '.incomplete.json');

function write(file: string, run: Run): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`);
  return file;
}
