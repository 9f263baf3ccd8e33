/**
 * Which of the records that a scan found are the log's, and not remains of an earlier tail.
 *
 * A torn tail leaves records behind a gap; opening deletes them, and commits of the same numbers are written again. A
 * scan of the files finds both. Records are joined into runs, each naming the checksum of the one before it. A run is
 * the log's when it follows what is folded, when it holds the record that the mark names, or when one of its records
 * says that the commit in front of the run, or a later one, was synced when it was written. A torn tail never says so:
 * something in front of it was missing because it was not synced.
 */
import type { LoggedCommit } from '@varve/interfaces';
import type { Proven } from './high-water-mark.js';
import type { CommitsRecord } from './log-record.js';

/** What the newest catalogue says of the records that it dropped. */
export interface ChainStart {
  readonly folded: number;
  /** Checksum of the last record that is dropped whole. */
  readonly previous: number;
}

/** Commits of the proven runs, oldest first. @param start undefined when the catalogue is lost */
export function provenCommits(
  records: readonly CommitsRecord[],
  start: ChainStart | undefined,
  mark: Proven | undefined,
): LoggedCommit[] {
  const commits: LoggedCommit[] = [];
  let last = start?.folded ?? 0;
  for (const run of runsOf(records)) {
    if (!isProven(run, start, mark)) continue;
    for (const { first, batches } of run) {
      for (const [index, batch] of batches.entries()) {
        const sequence = first + index;
        if (sequence > last) {
          commits.push({ sequence, batch });
          last = sequence;
        }
      }
    }
  }
  return commits;
}

type Run = [CommitsRecord, ...CommitsRecord[]];

/** Chains of records, by their first commits; of two with the same one, the one written later first. */
function runsOf(records: readonly CommitsRecord[]): Run[] {
  const sorted = records.toSorted((a, b) => a.first - b.first || b.synced - a.synced);
  const runs: Run[] = [];
  const byTail = new Map<string, Run>();
  for (const record of sorted) {
    const before = `${record.first - 1} ${record.previous}`;
    const run = byTail.get(before);
    const tail = `${record.last} ${record.crc}`;
    if (run === undefined) {
      const begun: Run = [record];
      runs.push(begun);
      byTail.set(tail, begun);
    } else {
      run.push(record);
      byTail.delete(before);
      byTail.set(tail, run);
    }
  }
  return runs;
}

function isProven(run: Run, start: ChainStart | undefined, mark: Proven | undefined): boolean {
  const [{ first, previous }] = run;
  const follows = start !== undefined && first <= start.folded + 1 && previous === start.previous;
  return (
    follows ||
    run.some(
      ({ last, crc, synced }) =>
        synced >= first - 1 || (mark !== undefined && last === mark.synced && crc === mark.crc),
    )
  );
}
