/** The contract's suite on the real store: as it is opened by default, and so small that it folds all the time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyValueStoreCases, type StoreFactory } from '@varve/conformance';
import { VarveStore, type VarveStoreOptions } from '@varve/kv';
import { afterAll, describe, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-conformance-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function factory(options: VarveStoreOptions<Uint8Array, Uint8Array>): StoreFactory {
  return {
    limits: { keyBytesMax: 65_535, valueBytesMax: 64 << 20, segmentsMax: 4 },
    place: async () => mkdtempSync(join(folder, 'store-')),
    create: (place) => new VarveStore(place, options),
  };
}

const configurations: readonly (readonly [string, VarveStoreOptions<Uint8Array, Uint8Array>])[] = [
  ['the default store', {}],
  ['a store with the smallest memtable', { memtableBytes: 64 << 10 }],
  ['a store with its log on LevelDB', { log: 'level', memtableBytes: 64 << 10 }],
];

describe.each(configurations)('%s', (_, options) => {
  for (const { name, run } of keyValueStoreCases) it(name, () => run(factory(options)));
});
