/** What the tier is made of, wired together: the one place that knows its parts. */
import { createModels } from '@varve/inference';
import type { ModelRuntime, Platform } from '@varve/interfaces';
import { binding } from '@varve/native-pc';
import { createNodePlatform } from '@varve/runtime';
import { openSqlDatabase, type SqlDatabase, type SqlOptions } from '@varve/sql';

/** How a database is opened. Every field has a default. */
export interface OpenOptions extends SqlOptions {
  /** The world to stand on; this process's by default. */
  readonly platform?: Platform;
}

/** An open database: tables and SQL, and models beside the data. */
export interface PcDatabase extends SqlDatabase {
  /** Tiny models by name. They live in memory, not in the directory. */
  readonly models: ModelRuntime;
}

/**
 * Opens the database in `directory`, and creates it when there is none. One process owns it until `close`.
 *
 * @throws VarveError STORE_LOCKED, STORE_DAMAGED, STORE_FOREIGN, STORE_NEWER_FORMAT, STORE_UNWRITABLE, STORE_MISSING,
 *   STORE_EXISTS, ARGUMENT_INVALID
 */
export async function open(directory: string, options: OpenOptions = {}): Promise<PcDatabase> {
  const { platform = createNodePlatform(), ...ours } = options;
  const database = await openSqlDatabase({ native: binding, clock: platform.clock }, directory, ours);
  return Object.assign(database, { models: createModels() });
}
