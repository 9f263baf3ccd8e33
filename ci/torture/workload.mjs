// What the killed process writes: batch n of a seed is always the same, so that nobody has to remember it.

/** Different data keys, few enough to be overwritten and deleted often. */
const keyCount = 800;

/** Put by every batch to its own number: batches are committed in order, so it names all that a store holds. */
export const lastKey = 'last';

/** @typedef {{type: 'put', key: string, value: string} | {type: 'del', key: string}} Operation */

/** @param {number} seed @returns {() => number} numbers in [0, 1): mulberry32 */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The operations of batch `n`, 1, 2, 3, … @param {number} seed @param {number} n @returns {Operation[]} */
export function batchOf(seed, n) {
  const random = randomOf(Math.imul(seed, 0x9e3779b1) ^ n);
  const count = random() < 0.05 ? 40 : Math.floor(random() * 6);
  /** @type {Operation[]} */
  const operations = [{ type: 'put', key: lastKey, value: String(n) }];
  for (let at = 0; at < count; at++) {
    const key = `key-${Math.floor(random() * keyCount)}`;
    const length = random() < 0.02 ? 9_000 : Math.floor(random() * 300);
    operations.push(
      random() < 0.2 ? { type: 'del', key } : { type: 'put', key, value: `${n}:`.padEnd(length, '.') },
    );
  }
  return operations;
}

/** Does one batch to a map. @param {Map<string, string>} contents @param {number} seed @param {number} n */
export function applyBatch(contents, seed, n) {
  for (const operation of batchOf(seed, n)) {
    if (operation.type === 'put') contents.set(operation.key, operation.value);
    else contents.delete(operation.key);
  }
}
