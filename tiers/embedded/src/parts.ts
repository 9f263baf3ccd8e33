/** What the tier is made of, wired together: the one place that knows its parts. */
import { VarveError } from '@varve/interfaces';
import { VarveStore, type VarveStoreOptions } from '@varve/kv';
import { defineAbsent } from './absent.js';

/** How a database is opened: abstract-level's encodings, durability, the log, sizes. Every field has a default. */
export type OpenOptions<K = string, V = string> = VarveStoreOptions<K, V>;

/**
 * An open database: abstract-level's whole API and packed reads.
 *
 * Made by `open`.
 */
export class EmbeddedDatabase<K = string, V = string> extends VarveStore<K, V> {}

defineAbsent(EmbeddedDatabase.prototype);

/**
 * Opens the database in `directory`, and creates it when there is none.
 *
 * One process owns a directory until `close`.
 *
 * @throws VarveError STORE_LOCKED, STORE_DAMAGED, STORE_FOREIGN, STORE_NEWER_FORMAT, STORE_UNWRITABLE,
 *   STORE_MISSING, STORE_EXISTS, ARGUMENT_INVALID
 * Cost: reads the catalogue and what the log holds beyond the segments; segments are mapped, not read.
 */
export async function open<K = string, V = string>(
  directory: string,
  options: OpenOptions<K, V> = {},
): Promise<EmbeddedDatabase<K, V>> {
  const database = new EmbeddedDatabase<K, V>(directory, options);
  try {
    await database.open();
  } catch (error) {
    // abstract-level wraps why it could not open; ours says it better.
    const cause = error instanceof Error ? error.cause : undefined;
    throw cause instanceof VarveError ? cause : error;
  }
  return database;
}
