/** What the tier is made of, wired together: the one place that knows its parts. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createModels } from '@varve/inference';
import {
  type ModelRuntime,
  type Platform,
  requireObject,
  type Telemetry,
  VarveError,
} from '@varve/interfaces';
import { type Decoded, type EncodingName, VarveStore, type VarveStoreOptions } from '@varve/kv';
import { createNodePlatform, createTelemetry, recordStoreEvents } from '@varve/runtime';
import { defineAbsent } from './absent.js';

/** How a database is opened: abstract-level's encodings, durability, the log, sizes. Every field has a default. */
export type OpenOptions<K = string, V = string> = VarveStoreOptions<K, V> & {
  /** The world to stand on; this process's by default. Its memory limit sets the size of memtables. */
  readonly platform?: Platform;
};

/**
 * An open database: abstract-level's whole API, packed reads, and models beside the data.
 *
 * Made by `open`.
 */
export class EmbeddedDatabase<K = string, V = string> extends VarveStore<K, V> {
  /** Tiny models by name. They live in memory, not in the directory, and stay usable after `close`. */
  readonly models: ModelRuntime = createModels();
  /** One record per flush, merge and failure since the database was made, summed up in bounded memory. */
  readonly telemetry: Telemetry = createTelemetry();

  constructor(directory: string, options: OpenOptions<K, V> = {}) {
    requireObject(options, 'the options of a database');
    const { platform = createNodePlatform(), ...ours } = options;
    checkPlatform(platform);
    super(directory, {
      memtableBytes: memtableBytesOf(platform),
      ...(ours as VarveStoreOptions<K, V>),
    });
    recordStoreEvents(this, { telemetry: this.telemetry, clock: platform.clock });
  }
}

defineAbsent(EmbeddedDatabase.prototype);

/**
 * Opens the database in `directory`, and creates it when there is none.
 *
 * One process owns a directory until `close`. The types of keys and values follow from the names of their encodings:
 * text by default, unknown for `json`; `open<K, V>(…)` says them instead.
 *
 * @throws VarveError STORE_LOCKED, STORE_DAMAGED, STORE_FOREIGN, STORE_NEWER_FORMAT, STORE_UNWRITABLE,
 *   STORE_MISSING, STORE_EXISTS, ARGUMENT_INVALID, CAPABILITY_MISSING for a database of tables
 * Cost: reads the catalogue and what the log holds beyond the segments; segments are mapped, not read.
 */
export function open<const K extends EncodingName = 'utf8', const V extends EncodingName = 'utf8'>(
  directory: string,
  options: OpenOptions<Decoded<K>, Decoded<V>> & { readonly keyEncoding?: K; readonly valueEncoding?: V },
): Promise<EmbeddedDatabase<Decoded<K>, Decoded<V>>>;
export function open<K = string, V = string>(
  directory: string,
  options?: OpenOptions<K, V>,
): Promise<EmbeddedDatabase<K, V>>;
export async function open<K, V>(
  directory: string,
  options?: OpenOptions<K, V>,
): Promise<EmbeddedDatabase<K, V>> {
  const database = new EmbeddedDatabase<K, V>(directory, options);
  try {
    await database.open();
  } catch (error) {
    // abstract-level wraps why it could not open; ours says it better.
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(cause instanceof VarveError)) throw error;
    throw cause.code === 'STORE_FOREIGN' && holdsTables(directory) ? noTables(directory) : cause;
  }
  return database;
}

/** Whether a directory is a database of tables: its catalogue says so. */
function holdsTables(directory: string): boolean {
  return existsSync(join(directory, 'catalogue.db'));
}

function noTables(directory: string): VarveError {
  return new VarveError('CAPABILITY_MISSING', {
    message: `${directory} holds tables, which the embedded tier does not have`,
    hint: 'open it with @varve/mobile or @varve/pc',
  });
}

/** The parts that the tier uses. @throws VarveError ARGUMENT_INVALID */
function checkPlatform(platform: Platform): void {
  requireObject(platform, 'the platform');
  if (typeof platform.memory?.limitBytes !== 'function' || typeof platform.clock?.wallMs !== 'function')
    throw new VarveError('ARGUMENT_INVALID', {
      message: 'the platform lacks its memory or its clock',
      hint: 'leave it out for that of this process',
    });
}

/** A sixteenth of the memory limit, since three memtables may exist and the rest is for maps and models; 16 MiB at most. */
function memtableBytesOf({ memory }: Platform): number {
  return Math.max(64 << 10, Math.min(16 << 20, Math.floor(memory.limitBytes() / 16)));
}
