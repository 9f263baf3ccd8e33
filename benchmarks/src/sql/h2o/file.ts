/** Case `file`: how long loading 10 M rows from Parquet takes, and what they take on disk, checkpointed and closed. */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { allocatedBytes } from '../../kv/disk-bytes.js';
import type { Case, Context } from '../../result.js';
import { interleave, row } from '../../rounds.js';
import { exact } from '../../statistics.js';
import { kindsOverG } from '../kinds.js';
import { sizes } from '../sizes.js';
import { msOf } from '../timing.js';
import { tableG } from './table.js';

const name = 'file';

export async function file(context: Context): Promise<readonly Case[]> {
  const table = await tableG(context);
  // Polars' own files are the Parquet ones: copying them is no loading.
  const kinds = (await kindsOverG(context.size)).filter(({ store }) => store !== 'polars');
  const bytes = new Map(kinds.map((kind) => [kind.name, [] as number[]]));
  context.progress.step('file: loading');
  const times = await interleave(kinds, Math.min(3, sizes[context.size].rounds), async (kind) => {
    const folder = join(context.folder, `file, ${kind.name}`);
    mkdirSync(folder);
    const ms = await msOf(() => kind.load(folder, [table]));
    bytes.get(kind.name)?.push(allocatedBytes(folder));
    rmSync(folder, { recursive: true });
    return ms;
  });
  const size = row({ case: name, metric: 'bytes on disk', unit: 'B', better: 'lower' }, bytes);
  const parquet = exact(statSync(table.file).size);
  return [
    { ...size, values: { ...size.values, 'Parquet (Snappy)': parquet } },
    row({ case: name, metric: 'time to load', unit: 'ms', better: 'lower' }, times),
  ];
}
