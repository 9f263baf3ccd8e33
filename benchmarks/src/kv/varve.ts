/** Varve's store, which the embedded tier opens. */
import { mkdirSync } from 'node:fs';
import { createPacked, packedMissing } from '@varve/interfaces';
import { VarveStore } from '@varve/kv';
import type { Engine, EngineKind } from './engine.js';

/** Room for a chunk of a scan or a batch: a megabyte stays in the second-level cache of a small machine. */
const chunkBytes = 1 << 20;

export const varve: EngineKind = { name: 'varve', open: (folder) => openVarve('varve', folder) };

/** The same store on its durable log over classic-level. */
export const varveOnLevel: EngineKind = {
  name: 'varve, level log',
  open: (folder) => openVarve('varve, level log', folder, 'level'),
};

async function openVarve(name: string, folder: string, log: 'native' | 'level' = 'native'): Promise<Engine> {
  mkdirSync(folder, { recursive: true });
  const store = new VarveStore(folder, { log });
  await store.open();
  const buffer = new Uint8Array(4096);
  const packed = createPacked({ byteCount: chunkBytes, endCount: 32_768 });
  return {
    name,
    folder,
    async write(batch) {
      await store.commit(
        batch.map(({ key, value }) => ({ type: 'put', key, value })),
        { durability: 'fast' },
      );
    },
    put: (key, value) => store.commit([{ type: 'put', key, value }], { durability: 'fast' }),
    putSynced: (key, value) => store.commit([{ type: 'put', key, value }], { durability: 'synced' }),
    compact: () => store.compact(),
    get(key) {
      const length = store.getInto(key, buffer);
      return length < 0 ? -1 : length + (buffer[0] ?? 0);
    },
    range(key, limit) {
      const { bytes, ends, count } = store.scanPacked({ gte: key, limit, fields: 'values' }, packed);
      return sumOf(bytes, ends, count);
    },
    preparePoints: (keys) => (answers) => {
      let sum = 0;
      for (const key of keys) {
        const length = store.getInto(key, buffer);
        if (length < 0) {
          sum -= 1;
          answers?.addMissing();
        } else {
          sum += length + (buffer[0] ?? 0);
          answers?.add(buffer, 0, length);
        }
      }
      return sum;
    },
    prepareBatches(keys, size) {
      const batches: { readonly bytes: Uint8Array; readonly offsets: Uint32Array }[] = [];
      for (let at = 0; at < keys.length; at += size) batches.push(pack(keys.slice(at, at + size)));
      return (answers) => {
        let sum = 0;
        for (const { bytes, offsets } of batches) {
          const out = store.getManyPacked(bytes, offsets, packed);
          if (out.count !== offsets.length)
            throw new RangeError('a batch must fit the buffers of the benchmark');
          let start = 0;
          for (let i = 0; i < out.count; i++) {
            const end = out.ends[i] ?? 0;
            if (end >= packedMissing) {
              sum -= 1;
              answers?.addMissing();
            } else {
              sum += end - start + (out.bytes[start] ?? 0);
              answers?.add(out.bytes, start, end);
              start = end;
            }
          }
        }
        return sum;
      };
    },
    prepareScan: () => (answers) => {
      const scan = store.openScan({});
      let sum = 0;
      do {
        const { bytes, ends, count } = scan.next(packed);
        sum += sumOf(bytes, ends, 2 * count);
        if (answers !== undefined) {
          for (let i = 0; i < 2 * count; i++)
            answers.add(bytes, i === 0 ? 0 : (ends[i - 1] ?? 0), ends[i] ?? 0);
        }
      } while (!packed.done);
      scan.close();
      return sum;
    },
    close: () => store.close(),
  };
}

/** Length and first byte of each field, as `touch` takes them. */
function sumOf(bytes: Uint8Array, ends: Uint32Array, fieldCount: number): number {
  let sum = 0;
  let start = 0;
  for (let i = 0; i < fieldCount; i++) {
    const end = ends[i] ?? 0;
    sum += end - start + (bytes[start] ?? 0);
    start = end;
  }
  return sum;
}

function pack(keys: readonly Buffer[]): { readonly bytes: Uint8Array; readonly offsets: Uint32Array } {
  const offsets = new Uint32Array(keys.length);
  let end = 0;
  for (const [i, key] of keys.entries()) {
    end += key.length;
    offsets[i] = end;
  }
  return { bytes: Buffer.concat(keys), offsets };
}
