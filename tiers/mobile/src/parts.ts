/** What the tier is made of, wired together: the one place that knows its parts. */
import { createModels } from '@varve/inference';
import type { ModelRuntime, Platform, TableStore } from '@varve/interfaces';
import { binding } from '@varve/native-mobile';
import { createNodePlatform } from '@varve/runtime';
import { openTableStore, type SqlOptions } from '@varve/sql';

/** How a database is opened. Every field has a default: one thread, and 256 MiB for queries. */
export interface OpenOptions extends Omit<SqlOptions, 'spillDirectory' | 'allowedFolders'> {
  /** The world to stand on; this process's by default. */
  readonly platform?: Platform;
}

/** An open database: tables and queries that are built, and models beside the data. */
export interface MobileDatabase extends TableStore {
  /** Tiny models by name. They live in memory, not in the directory. */
  readonly models: ModelRuntime;
}

/**
 * Opens the database in `directory`, and creates it when there is none. One process owns it until `close`.
 *
 * @throws VarveError STORE_LOCKED, STORE_DAMAGED, STORE_FOREIGN, STORE_NEWER_FORMAT, STORE_UNWRITABLE, STORE_MISSING,
 *   STORE_EXISTS, ARGUMENT_INVALID
 */
export async function open(directory: string, options: OpenOptions = {}): Promise<MobileDatabase> {
  const { platform = createNodePlatform(), ...ours } = options;
  const database = await openTableStore({ native: binding, clock: platform.clock }, directory, ours);
  return Object.assign(database, { models: createModels() });
}
