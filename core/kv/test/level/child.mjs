// A process that writes to a log until it is killed, or told to stop, and says outside what was acknowledged.
//
// Arguments: folder of the log, file for acknowledgements, seed, bytes at which LevelDB's log rotates, last commit (without
// end by default), and how many file descriptors are left to it (all by default). Batches follow from their
// sequence, so that whoever reads them can tell. Lines of the file: `s` before it opens the log, `o` when it has, then `a SEQUENCE`,
// `f FOLDED`, and `e CODE` for a refused write or opening.

import { closeSync, openSync, writeSync } from 'node:fs';
import 'classic-level';
import { LevelLog } from '../../dist/log/level-log.js';
import { batchOf, catalogueOf } from './history.mjs';

const [folder = '', acknowledgements = '', seed = '1', rotateBytes = '65536', ...rest] =
  process.argv.slice(2);
const [lastMax = Infinity, descriptors = Infinity] = rest.map(Number);
const out = openSync(acknowledgements, 'a');
const log = new LevelLog(folder, { rotateBytes: Number(rotateBytes) });
writeSync(out, 's\n');
if (descriptors < Infinity) leaveDescriptors(descriptors);
try {
  await log.open();
} catch (error) {
  writeSync(out, `e ${/** @type {{code: string}} */ (error).code}\n`);
  process.exit();
}
let last = Number(/** @type {string} */ (Buffer.from(log.catalogue() ?? '0').toString()));
for await (const { sequence } of log.replay()) last = sequence;
writeSync(out, 'o\n');

let random = Number(seed) >>> 0;
const below = (/** @type {number} */ count) => {
  random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
  return Math.floor((random / 2 ** 32) * count);
};

let acknowledged = last;
let isWritten = true;
let failures = 0;

async function write() {
  while (failures < 3 && last < lastMax) {
    last += 1;
    const sequence = last;
    try {
      const durability = below(4) === 0 ? 'fast' : 'synced';
      if ((await log.append({ sequence, batch: batchOf(sequence) }, durability)) === 'synced') {
        acknowledged = Math.max(acknowledged, sequence);
        if (isWritten) {
          isWritten = false;
          queueMicrotask(() => {
            isWritten = true;
            writeSync(out, `a ${acknowledged}\n`);
          });
        }
      }
    } catch (error) {
      failures += 1;
      last = Math.min(last, sequence - 1);
      writeSync(out, `e ${/** @type {{code: string}} */ (error).code}\n`);
    }
    if (below(200) === 0) {
      const folded = Math.max(0, acknowledged - below(100));
      await log.fold(catalogueOf(folded), folded).then(
        () => writeSync(out, `f ${folded}\n`),
        () => undefined,
      );
    }
  }
}

/** Opens files until no more can be, but for `count`. @param {number} count */
function leaveDescriptors(count) {
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    for (const file of taken.splice(-count, count)) closeSync(file);
  }
}

await Promise.all(Array.from({ length: 1 + below(60) }, write));
await log.close().catch((error) => writeSync(out, `e ${error.code}\n`));
