/** What the files of a damaged log still prove. Reads them only; LevelDB is not asked. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LoggedCommit, VarveError } from '@varve/interfaces';
import type { Cell } from './high-water-mark.js';
import { isMissing, levelError } from './level-errors.js';
import type { CatalogueRecord, CommitsRecord } from './log-record.js';
import { provenCommits } from './proven-commits.js';
import { RecordScan } from './scan-records.js';

/** What is left of a log. */
export interface FoundLog {
  /** The newest catalogue; undefined when it is lost, or none was ever stored. */
  readonly catalogue: Uint8Array | undefined;
  /** Commits behind the folded ones, oldest first. */
  readonly commits: readonly LoggedCommit[];
  /** Last commit known to have existed. */
  readonly known: number;
}

/**
 * Reads every file of `folder`. Cost: a few passes over them, all of which are in memory meanwhile.
 *
 * @returns undefined when nothing there is of Varve's make
 * @throws VarveError `STORE_LOCKED` when another process opened the log meanwhile; the errors of the disk
 */
export function salvageLog(folder: string): FoundLog | undefined {
  const scan = scanFolder(folder);
  const logs = [...scan.ids.values()].map((id) => ({ id, ...scan.of(id) }));
  const records = ({ commits, catalogues }: (typeof logs)[number]): number =>
    commits.length + catalogues.length;
  const [log] = logs.sort((a, b) => records(b) - records(a));
  if (log === undefined) {
    const known = scan.lastNamed;
    return known === 0 ? undefined : { catalogue: undefined, commits: [], known };
  }
  const cells = scan.cells.filter(({ id }) => Buffer.from(id).equals(log.id));
  const mark = newest(cells, ({ turn }) => turn);
  return foundLog(log, mark);
}

function foundLog(
  { commits, catalogues }: { readonly commits: CommitsRecord[]; readonly catalogues: CatalogueRecord[] },
  mark: Cell | undefined,
): FoundLog {
  const catalogue = newest(catalogues, ({ generation }) => generation);
  const generation = highest([mark?.generation, ...commits.map((record) => record.generation)]);
  // The first generation is that of a log without a catalogue.
  const isNewest = (catalogue?.generation ?? 1) >= generation;
  const start = isNewest ? (catalogue ?? { folded: 0, previous: 0 }) : undefined;
  const proven = provenCommits(commits, start, mark);
  const synced = [...commits, ...catalogues].map((record) => record.synced);
  return {
    catalogue: isNewest ? catalogue?.catalogue : undefined,
    commits: proven,
    known: highest([mark?.synced, ...synced, start?.folded, proven.at(-1)?.sequence]),
  };
}

function scanFolder(folder: string): RecordScan {
  const scan = new RecordScan();
  const names = list(folder);
  for (const name of names) {
    try {
      scan.add(readFileSync(join(folder, name)));
    } catch (error) {
      throw levelError(`cannot read ${join(folder, name)}`, error);
    }
  }
  if (list(folder).join() !== names.join()) {
    throw new VarveError('STORE_LOCKED', {
      message: `the files of ${folder} changed while they were read`,
      hint: 'close the other store first; one process owns a directory',
    });
  }
  return scan;
}

/** Files of `folder`, by name; none when it is gone. */
function list(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw levelError(`cannot read ${folder}`, error);
  }
}

function newest<T>(all: readonly T[], age: (one: T) => number): T | undefined {
  return all.reduce<T | undefined>(
    (best, one) => (best !== undefined && age(best) >= age(one) ? best : one),
    undefined,
  );
}

function highest(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((most, number) => Math.max(most, number ?? 0), 0);
}
