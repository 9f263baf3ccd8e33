/** Loads the same records into an engine, in batches of 1,000. */
import type { Engine, Entry } from './engine.js';
import type { Records } from './records.js';

export const batchSize = 1000;

/**
 * Loads in key order, which spares a B-tree its random writes: what is measured comes after `compact`, and does not
 * depend on the order.
 */
export async function loadInOrder(
  engine: Engine,
  records: Records,
  onShare: (share: number) => void = () => {},
): Promise<void> {
  const order = records.ascending();
  for (let from = 0; from < order.length; from += batchSize) {
    const batch = Array.from(order.subarray(from, from + batchSize), (index) => ({
      key: records.key(index),
      value: records.value(index),
    }));
    await engine.write(batch);
    onShare((from + batch.length) / order.length);
  }
}

/**
 * Loads in the scattered order of the indexes.
 *
 * @param onShare called after each batch with the share that is loaded
 * @returns milliseconds inside the engine's own calls; the making of keys and values is not counted
 */
export async function load(
  engine: Engine,
  records: Records,
  onShare: (share: number) => void = () => {},
): Promise<number> {
  let elapsed = 0;
  for (let from = 0; from < records.count; from += batchSize) {
    const batch = entries(records, from, Math.min(from + batchSize, records.count));
    const start = performance.now();
    const pending = engine.write(batch);
    if (pending !== undefined) await pending;
    elapsed += performance.now() - start;
    onShare((from + batch.length) / records.count);
  }
  return elapsed;
}

/** Records `from..to` as entries. */
export function entries(records: Records, from: number, to: number, version = 0): readonly Entry[] {
  return Array.from({ length: to - from }, (_, i) => ({
    key: records.key(from + i),
    value: records.value(from + i, version),
  }));
}
