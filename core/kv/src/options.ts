/** Options of a store, checked once at the edge. */
import {
  type ControlMode,
  type Durability,
  delayMsMax,
  type IndexPolicy,
  requireIndexPolicy,
  requireObject,
  requireWhole,
  VarveError,
} from '@varve/interfaces';
import type { StoreOptions as NativeOptions } from '@varve/native-embedded';
import type { ControlOptions } from './control/running-control.js';

/** How a store is opened. Unknown names are ignored, as abstract-level does with options of other stores. */
export interface StoreOptions {
  /** Creates the directory and the store when there is none. Default true. */
  readonly createIfMissing?: boolean;
  /** Fails with `STORE_EXISTS` when there is one. Default false. */
  readonly errorIfExists?: boolean;
  /** What a write waits for unless it says otherwise. Default `synced`: it survives power loss. */
  readonly durability?: Durability;
  /** Who keeps the durable log. By default the one that the store has, and `native` for a new store. */
  readonly log?: 'native' | 'level';
  /** Bytes of one memtable, 64 KiB to 1 GiB; up to two and a spare exist. Default 16 MiB. */
  readonly memtableBytes?: number;
  /** Largest preallocated log file, in bytes, at least 16 KiB; a smaller number counts as that. Default 16 MiB. */
  readonly logFileBytes?: number;
  /** Bytes of batches that may wait for the log; further writes wait before they are queued. Default 256 MiB. */
  readonly queueBytesMax?: number;
  /** Filter bits per key, 4 to 24. Default 10: one false positive in a hundred. */
  readonly filterBits?: number;
  /** How the index of new segments is built. Default `auto`: measured on each segment's own keys. */
  readonly indexPolicy?: IndexPolicy;
  /** The self-tuning loop, or how far it may go. Default `auto`. */
  readonly control?: ControlMode | ControlOptions;
}

/** How a store is repaired. */
export interface RepairOptions {
  /**
   * The log that the store had, for a directory that lost everything but its segments: nothing else tells, and it
   * becomes a store with that log. Default `native`, as for a new store.
   */
  readonly log?: 'native' | 'level';
}

/** The same with every default filled in. */
export interface Settings {
  readonly durability: Durability;
  /** Undefined when the caller does not mind. */
  readonly log: 'native' | 'level' | undefined;
  readonly control: ControlOptions;
  readonly native: NativeOptions;
}

/** Own properties only, so that nothing comes in through a prototype. @throws VarveError ARGUMENT_INVALID */
export function readOptions(options: StoreOptions): Settings {
  const own: StoreOptions = Object.assign(Object.create(null), options);
  const native: NativeOptions = {
    createIfMissing: own.createIfMissing !== false,
    errorIfExists: own.errorIfExists === true,
  };
  for (const name of ['memtableBytes', 'logFileBytes', 'queueBytesMax', 'filterBits'] as const) {
    const value = own[name];
    if (value === undefined) continue;
    requireWhole(value, name, name === 'filterBits' ? 2 ** 32 - 1 : undefined);
    native[name] = value;
  }
  if (own.indexPolicy !== undefined) {
    requireIndexPolicy(own.indexPolicy);
    native.indexPolicy = { ...own.indexPolicy };
  }
  return {
    durability: durabilityOf(own.durability, 'synced'),
    log: logOf(own.log),
    control: controlOf(own.control),
    native,
  };
}

/** The log that is asked for. @throws VarveError ARGUMENT_INVALID */
export function logOf(asked: unknown): 'native' | 'level' | undefined {
  if (asked !== undefined && asked !== 'native' && asked !== 'level')
    throw invalid('log is not native or level');
  return asked;
}

/** The durability of one write. @throws VarveError ARGUMENT_INVALID */
export function durabilityOf(asked: unknown, standard: Durability): Durability {
  if (asked === undefined) return standard;
  if (asked !== 'synced' && asked !== 'fast') throw invalid('durability is not synced or fast');
  return asked;
}

/** @throws VarveError ARGUMENT_INVALID */
function controlOf(asked: ControlMode | ControlOptions = {}): ControlOptions {
  if (typeof asked !== 'string') requireObject(asked, 'control');
  const own: ControlOptions = Object.assign(
    Object.create(null),
    typeof asked === 'string' ? { mode: asked } : asked,
  );
  if (own.mode !== undefined && !controlModes.includes(own.mode))
    throw invalid(`control is not ${controlModes.join(', ')}`);
  if (own.stepMs !== undefined) requireWhole(own.stepMs, 'control.stepMs', delayMsMax);
  return own;
}

const controlModes: readonly ControlMode[] = ['off', 'observe', 'recommend', 'auto'];

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message, hint: 'see StoreOptions' });
}
