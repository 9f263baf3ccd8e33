/**
 * Child of case `file 4x larger than memory`: random point reads, and what storage had to deliver for them.
 *
 * The kernel's `read_bytes` counts every page that is fetched for this process, through `read` or a page fault,
 * read-ahead included, so nothing an engine does can hide from it. The first reads, which bring in filters and
 * indexes, are not counted.
 */

import { bytesFromStorage } from '../process-figures.js';
import { createRandom } from '../random.js';
import { engineKind } from './engines.js';
import { createRecords } from './records.js';

const blockBytes = 4096;
const [name = '', folder = '', count = '', seed = '', warm = '', asked = ''] = process.argv.slice(2);
const records = createRecords({ count: Number(count), seed: Number(seed) });
const random = createRandom(Number(seed));
const engine = await engineKind(name).open(folder);

/** Reads `reads` random keys; returns block reads per key and how many were there. */
function ask(reads: number, offset: number): { readonly blocks: number; readonly found: number } {
  const before = bytesFromStorage();
  let found = 0;
  for (let i = 0; i < reads; i++)
    if (engine.get(records.key(offset + random.below(records.count))) >= 0) found += 1;
  return { blocks: (bytesFromStorage() - before) / blockBytes / reads, found };
}

ask(Number(warm), records.count);
const misses = ask(Number(asked), records.count);
const hits = ask(Number(asked), 0);
const readBytes = bytesFromStorage();
await engine.close();
console.log(JSON.stringify({ hits, misses, readBytes }));
