/**
 * Child of case `64 MiB of memory`: loads records, reads random ones back, scans everything, closes the store, opens it
 * again and reads once more. Every value that is read is compared byte for byte; a scan, by its count and the sum of what
 * it gave.
 */
import { open } from '@varve/embedded';
import { createPacked } from '@varve/interfaces';
import { createRecords, keyBytes, valueBytes } from '../kv/records.js';
import { peakResidentBytes } from '../process-figures.js';
import { createRandom } from '../random.js';

const [folder = '', count = '', seed = '', asked = ''] = process.argv.slice(2);
const records = createRecords({ count: Number(count), seed: Number(seed) });
const random = createRandom(Number(seed));

/** As the README of the tier advises for a small board. */
const openStore = () => open(folder, { memtableBytes: 4 * 2 ** 20, logFileBytes: 4 * 2 ** 20 });
type Store = Awaited<ReturnType<typeof openStore>>;

async function msOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function load(store: Store): Promise<void> {
  const batch = 500;
  for (let from = 0; from < records.count; from += batch) {
    const length = Math.min(batch, records.count - from);
    await store.commit(
      Array.from({ length }, (_, i) => ({
        type: 'put' as const,
        key: records.key(from + i),
        value: records.value(from + i),
      })),
      { durability: 'fast' },
    );
  }
  await store.flush();
}

/** @returns how many of `reads` random records read back wrong */
function readBack(store: Store, reads: number): number {
  const buffer = Buffer.alloc(valueBytes);
  let wrong = 0;
  for (let i = 0; i < reads; i++) {
    const index = random.below(records.count);
    const length = store.getInto(records.key(index), buffer);
    if (length !== valueBytes || buffer.compare(records.value(index)) !== 0) wrong += 1;
  }
  return wrong;
}

/** Number of records and sum of their values' first bytes, as a scan gives them. */
function scanAll(store: Store): string {
  const packed = createPacked({ byteCount: 1 << 18, endCount: 1 << 12 });
  const scan = store.openScan({ fields: 'values' });
  let found = 0;
  let sum = 0;
  do {
    const { bytes, ends, count } = scan.next(packed);
    for (let i = 0; i < count; i++) sum += bytes[i === 0 ? 0 : (ends[i - 1] ?? 0)] ?? 0;
    found += count;
  } while (!packed.done);
  scan.close();
  return `${found} ${sum}`;
}

function loadedSum(): string {
  let sum = 0;
  for (let i = 0; i < records.count; i++) sum += records.value(i)[0] ?? 0;
  return `${records.count} ${sum}`;
}

let store = await openStore();
const loadMs = await msOf(() => load(store));
let wrong = 0;
const readMs = await msOf(() => (wrong += readBack(store, Number(asked))));
let scanned = '';
const scanMs = await msOf(() => (scanned = scanAll(store)));
await store.close();
const openMs = await msOf(async () => {
  store = await openStore();
  wrong += readBack(store, 1);
});
wrong += readBack(store, Number(asked) / 10);
await store.close();
console.log(
  JSON.stringify({
    dataBytes: records.count * (keyBytes + valueBytes),
    wrong,
    scanned,
    loaded: loadedSum(),
    loadedPerSecond: (records.count / loadMs) * 1000,
    readsPerSecond: (Number(asked) / readMs) * 1000,
    scannedPerSecond: (records.count / scanMs) * 1000,
    openMs,
    peakResidentBytes: peakResidentBytes(),
  }),
);
