/** What the tier is made of, wired together: the one place that knows its parts. */
import { createModels } from '@varve/inference';
import type { ModelRuntime, Platform } from '@varve/interfaces';
import { binding } from '@varve/native-pc';
import { createNodePlatform } from '@varve/runtime';
import { openSqlDatabase, type SqlDatabase, type SqlOptions } from '@varve/sql';
import { capabilities } from './claims.js';

/** How a database is opened. Every field has a default; that of `memoryBytes` is the memory the tier is made for. */
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
  const memoryBytes = ours.memoryBytes ?? capabilities.device.memory.processBytesMin;
  const parts = { native: binding, clock: platform.clock };
  const database = await openSqlDatabase(parts, directory, { ...ours, memoryBytes });
  return Object.assign(database, { models: createModels() });
}
