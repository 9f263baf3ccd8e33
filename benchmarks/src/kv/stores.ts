/** Loaded stores for a case, and their removal afterwards. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../command.js';
import type { Context } from '../result.js';
import type { Engine, EngineKind } from './engine.js';
import { loadInOrder } from './load.js';
import type { RecordOptions, Records } from './records.js';

/** Opens a store of each kind in this process, loads the same records into each, and compacts it. */
export async function withLoaded<T>(
  kinds: readonly EngineKind[],
  records: Records,
  { folder, progress }: Context,
  use: (engines: readonly Engine[]) => Promise<T>,
): Promise<T> {
  const engines: Engine[] = [];
  for (const [i, kind] of kinds.entries()) {
    const engine = await kind.open(join(folder, `store-${i}`));
    engines.push(engine);
    progress.step(`loading ${records.count.toLocaleString('en')} records into ${engine.name}`);
    await loadInOrder(engine, records, progress.at);
    await engine.compact();
  }
  const result = await use(engines);
  for (const engine of engines) {
    await engine.close();
    rmSync(engine.folder, { recursive: true });
  }
  return result;
}

/** As `withLoaded`, but the stores are loaded and closed by other processes: `use` gets their folders. */
export async function withClosed<T>(
  kinds: readonly EngineKind[],
  { count, seed, compressible = false }: RecordOptions,
  { folder, progress }: Context,
  use: (folderOf: (kind: EngineKind) => string) => Promise<T>,
): Promise<T> {
  const folderOf = (kind: EngineKind): string => join(folder, `closed-${kinds.indexOf(kind)}`);
  for (const kind of kinds) {
    progress.step(`loading ${count.toLocaleString('en')} records into ${kind.name}`);
    const values = compressible ? 'compressible' : '';
    await runChild(
      new URL('load.child.js', import.meta.url),
      [kind.name, folderOf(kind), count, seed, values].map(String),
    );
  }
  const result = await use(folderOf);
  for (const kind of kinds) rmSync(folderOf(kind), { recursive: true });
  return result;
}
