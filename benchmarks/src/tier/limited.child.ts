/**
 * Child of case `64 MiB of memory`: loads records, then reads random ones back and compares each value, byte for byte.
 */
import { open } from '@varve/embedded';
import { createRecords, keyBytes, valueBytes } from '../kv/records.js';
import { peakResidentBytes } from '../process-figures.js';
import { createRandom } from '../random.js';

const [folder = '', count = '', seed = '', asked = ''] = process.argv.slice(2);
const records = createRecords({ count: Number(count), seed: Number(seed) });
const database = await open(folder, { memtableBytes: 4 * 2 ** 20, logFileBytes: 4 * 2 ** 20 });

const batch = 500;
const loadStart = performance.now();
for (let from = 0; from < records.count; from += batch) {
  const length = Math.min(batch, records.count - from);
  await database.commit(
    Array.from({ length }, (_, i) => ({
      type: 'put' as const,
      key: records.key(from + i),
      value: records.value(from + i),
    })),
    { durability: 'fast' },
  );
}
await database.flush();
const loadMs = performance.now() - loadStart;

const random = createRandom(Number(seed));
const buffer = Buffer.alloc(valueBytes);
let wrong = 0;
const readStart = performance.now();
for (let i = 0; i < Number(asked); i++) {
  const index = random.below(records.count);
  const length = database.getInto(records.key(index), buffer);
  if (length !== valueBytes || buffer.compare(records.value(index)) !== 0) wrong += 1;
}
const readMs = performance.now() - readStart;
await database.close();
console.log(
  JSON.stringify({
    dataBytes: records.count * (keyBytes + valueBytes),
    wrong,
    loadedPerSecond: (records.count / loadMs) * 1000,
    readsPerSecond: (Number(asked) / readMs) * 1000,
    peakResidentBytes: peakResidentBytes(),
  }),
);
