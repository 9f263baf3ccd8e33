/** Which records are the log's, when a scan of its files also finds what a power cut and a later deletion left. */
import { expect, it } from 'vitest';
import type { CommitsRecord } from '../src/log/log-record.js';
import { provenCommits } from '../src/log/proven-commits.js';

/** A record of the commits `first` to `last`, behind the record with checksum `previous`. */
function record([first, last, previous, crc, synced]: Row): CommitsRecord {
  const batches = Array.from({ length: last - first + 1 }, () => Uint8Array.of(crc));
  return { first, last, previous, crc, synced, commits: batches.length, generation: 2, batches };
}
type Row = readonly [first: number, last: number, previous: number, crc: number, synced: number];

const start = { folded: 10, previous: 5 };
const mark = (synced: number, crc: number) => ({ synced, crc, generation: 2 });

it.each<[string, readonly Row[], Parameters<typeof provenCommits>[1], number, number[]]>([
  ['what follows the folded ones', [[11, 12, 5, 1, 10]], start, 0, [11, 12]],
  ['what begins with folded ones', [[9, 12, 5, 1, 8]], start, 0, [11, 12]],
  ['folded ones', [[9, 10, 4, 5, 8]], start, 0, []],
  [
    'an unsynced tail without a gap',
    [
      [11, 11, 5, 1, 10],
      [12, 12, 1, 2, 10],
    ],
    start,
    0,
    [11, 12],
  ],
  [
    'a torn tail behind a gap',
    [
      [11, 11, 5, 1, 10],
      [13, 13, 7, 3, 11],
      [14, 14, 3, 4, 11],
    ],
    start,
    0,
    [11],
  ],
  [
    'what was written when the lost one was synced',
    [
      [11, 11, 5, 1, 10],
      [13, 13, 7, 3, 12],
    ],
    start,
    0,
    [11, 13],
  ],
  [
    'what was followed by synced ones',
    [
      [13, 13, 7, 3, 10],
      [14, 14, 3, 4, 13],
    ],
    start,
    0,
    [13, 14],
  ],
  [
    'what the mark names',
    [
      [11, 11, 5, 1, 10],
      [13, 13, 7, 3, 10],
    ],
    start,
    3,
    [11, 13],
  ],
  [
    'a remain that was written again',
    [
      [13, 13, 9, 8, 10],
      [11, 12, 5, 1, 10],
      [13, 13, 1, 2, 12],
    ],
    start,
    0,
    [11, 12, 13],
  ],
  [
    'a remain of numbers that were written again',
    [
      [11, 12, 5, 1, 10],
      [13, 14, 1, 2, 12],
      [14, 15, 9, 8, 12],
    ],
    start,
    0,
    [11, 12, 13, 14],
  ],
  ['without a catalogue, what was synced', [[11, 11, 5, 1, 10]], undefined, 0, [11]],
  ['without a catalogue, a torn tail', [[13, 13, 5, 1, 10]], undefined, 0, []],
])('%s', (_, rows, from, markCrc, expected) => {
  const [last] = rows.toReversed();
  const known = mark(last?.[1] ?? 0, markCrc === 0 ? 99 : markCrc);
  const commits = provenCommits(rows.map(record), from, known);
  expect(commits.map(({ sequence }) => sequence)).toEqual(expected);
  expect(commits.every(({ batch }) => batch[0] !== 8)).toBe(true);
});
