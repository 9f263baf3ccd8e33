/**
 * Suite `kv`: is Varve's store faster, smaller and steadier than lmdb, classic-level and better-sqlite3?
 *
 * Workload: 1 M records of 16-byte keys and 100-byte incompressible values, 10 M for the full scan; unsynced writes
 * come in scattered order. Every engine answers the same questions in the same process, rounds interleaved; answers
 * are digested and compared before and during the timing. Rivals get caches that hold all data and their fastest
 * calls. Excluded: making keys and values, several processes, several JavaScript threads.
 */
import type { Case, Context, Part, Suite } from '../result.js';
import { installRivals } from '../rivals/install.js';
import { row } from '../rounds.js';
import { allocatedBytes } from './disk-bytes.js';
import type { EngineKind } from './engine.js';
import { engineKinds, engineKindsWithLogs } from './engines.js';
import { fileLargerThanMemory } from './larger.js';
import { readsDuringMerge } from './merge.js';
import { coldOpen } from './open.js';
import { batchReads, fullScan, pointReads } from './reads.js';
import { createRecords } from './records.js';
import { type Sizes, sizes } from './sizes.js';
import { withClosed, withLoaded } from './stores.js';
import { syncedPuts, unsyncedBatches } from './writes.js';
import { ycsb } from './ycsb.js';

export const kv: Suite = {
  prepare: ({ progress }) => installRivals(progress),
  parts: {
    reads: sized(async (size, context) => {
      const records = createRecords({ count: size.records, seed: context.seed });
      return await withLoaded(engineKinds, records, context, async (engines) => [
        await pointReads(engines, records, size, context),
        await batchReads(engines, records, size, context),
      ]);
    }),
    scan: sized(async (size, context) => {
      const records = createRecords({ count: size.scanned, seed: context.seed, ascending: true });
      return await withLoaded(engineKinds, records, context, async (engines) => [
        await fullScan(engines, records, size, context),
      ]);
    }),
    unsynced: sized(async (size, context) => [await unsyncedBatches(engineKinds, size, context)]),
    synced: sized(async (size, context) => [await syncedPuts(engineKindsWithLogs, size, context)]),
    merge: sized(async (size, context) => {
      const records = createRecords({ count: size.records, seed: context.seed });
      const merging = engineKinds.filter(({ name }) => name === 'varve' || name === 'classic-level');
      return await withLoaded(merging, records, context, (engines) =>
        readsDuringMerge(engines, records, Math.min(size.rounds, 5), context),
      );
    }),
    open: sized(async (size, context) => {
      const options = { count: size.records, seed: context.seed };
      return await withClosed(engineKinds, options, context, async (folderOf) => [
        ...(await coldOpen(engineKinds, folderOf, createRecords(options), size.rounds, context)),
        bytesPerRecord('bytes per record', folderOf, size.records),
      ]);
    }),
    compressible: sized(async (size, context) => {
      const options = { count: size.records, seed: context.seed, compressible: true };
      const metric = 'bytes per record, values half compressible';
      return await withClosed(engineKinds, options, context, (folderOf) =>
        Promise.resolve([bytesPerRecord(metric, folderOf, size.records)]),
      );
    }),
    larger: sized((size, context) => fileLargerThanMemory(engineKinds, size, context)),
    ycsb: sized(async (size, context) => {
      const records = createRecords({ count: size.records, seed: context.seed });
      return await withLoaded(engineKinds, records, context, (engines) =>
        ycsb(engines, records, size, context),
      );
    }),
  },
};

function sized(measure: (size: Sizes, context: Context) => Promise<readonly Case[]>): Part {
  return (context) => measure(sizes[context.size], context);
}

function bytesPerRecord(metric: string, folderOf: (kind: EngineKind) => string, count: number): Case {
  const samples = new Map(engineKinds.map((kind) => [kind.name, [allocatedBytes(folderOf(kind)) / count]]));
  return row({ case: 'disk', metric, unit: 'B', better: 'lower' }, samples);
}
