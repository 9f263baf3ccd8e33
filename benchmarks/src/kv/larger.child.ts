/**
 * Child of case `file 4x larger than memory`: random point reads, and what storage had to deliver for them.
 *
 * The kernel's `read_bytes` counts every page that is fetched for this process, through `read` or a page fault,
 * read-ahead included, so nothing an engine does can hide from it. The first reads, which bring in filters and
 * indexes, are not counted. Each of the three series of reads ends at its time limit, answered or not.
 */

import { bytesFromStorage } from '../process-figures.js';
import { createRandom } from '../random.js';
import { engineKind } from './engines.js';
import { createRecords } from './records.js';

const blockBytes = 4096;
const [name = '', folder = '', memoryBytes = '', count = '', seed = '', wanted = '', msMax = ''] =
  process.argv.slice(2);
const records = createRecords({ count: Number(count), seed: Number(seed) });
const random = createRandom(Number(seed));
const engine = await engineKind(name).open(folder, Number(memoryBytes));

/** What a series of reads came to. */
export interface Series {
  /** How many were answered within the time limit; at least one. */
  readonly asked: number;
  /** How many of them found a record. */
  readonly found: number;
  readonly blocksPerRead: number;
  readonly readsPerSecond: number;
}

/** Reads random keys, at most `reads` of them. @param offset 0 for keys that are there, `count` for others */
function ask(reads: number, offset: number): Series {
  const before = bytesFromStorage();
  const start = performance.now();
  let found = 0;
  let asked = 0;
  let elapsedMs = 0;
  do {
    if (engine.get(records.key(offset + random.below(records.count))) >= 0) found += 1;
    asked += 1;
    elapsedMs = performance.now() - start;
  } while (asked < reads && elapsedMs < Number(msMax));
  const blocksPerRead = (bytesFromStorage() - before) / blockBytes / asked;
  return { asked, found, blocksPerRead, readsPerSecond: (asked / elapsedMs) * 1000 };
}

ask(2 * Number(wanted), records.count);
const misses = ask(Number(wanted), records.count);
const hits = ask(Number(wanted), 0);
const readBytes = bytesFromStorage();
await engine.close();
console.log(JSON.stringify({ hits, misses, readBytes }));
