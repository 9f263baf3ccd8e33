/**
 * Opens the native store with either durable log; which one a directory has is seen from what lies in it.
 *
 * Invariant: nobody writes in a store's directory without the lock that the engine takes on it (`varve_kv`, lock.rs). Of
 * a store with the log on LevelDB it is taken before anything is touched, and free only when LevelDB is closed:
 * LevelDB's own lock stops no other path to the same folder and no other thread, and opening removes files.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { VarveError } from '@varve/interfaces';
import { binding, type NativeLock, type NativeStore, type StoreEvent, unwrap } from '@varve/native-embedded';
import { type ExternalStore, ExternalWriter } from './log/external-writer.js';
import { markName } from './log/high-water-mark.js';
import { LevelLog, type LogStats } from './log/level-log.js';
import { levelLogOptions } from './log/level-options.js';
import { finishReplacement, logFolders, removeRemains } from './log/replace-log.js';
import type { LogVerifyReport } from './log/verify-level.js';
import { type BatchWriter, NativeWriter } from './native-writer.js';
import type { Settings } from './options.js';

/** What an open store consists of. */
export interface OpenStore {
  readonly store: NativeStore;
  readonly writer: BatchWriter;
  /** A reading of a log that is not the native one. */
  readonly logStats?: () => LogStats;
  /** Checks such a log; the native one is checked with the store. */
  readonly verifyLog?: () => Promise<LogVerifyReport>;
  readonly close: () => Promise<void>;
}

/** @param onEvent hears of background work, but for the folds, which are answered here */
export function openStore(
  location: string,
  settings: Settings,
  onEvent: (event: StoreEvent) => void,
): Promise<OpenStore> {
  return chosenLog(location, presentLog(location), settings.log) === 'native'
    ? openNative(location, settings, onEvent)
    : openLevel(location, settings, onEvent);
}

/**
 * The log that a damaged store had; where nothing tells, the one that is `asked` for, and the one of a new store.
 *
 * @throws VarveError `ARGUMENT_INVALID` when the store has another
 */
export function damagedLog(location: string, asked: 'native' | 'level' | undefined): 'native' | 'level' {
  return chosenLog(location, presentLog(location) ?? remainingLog(location), asked);
}

/** The log that is there, which is the one that is asked for; without one, that, and `native` by default. */
function chosenLog(
  location: string,
  present: 'native' | 'level' | undefined,
  asked: 'native' | 'level' | undefined,
): 'native' | 'level' {
  if (present !== undefined && asked !== undefined && asked !== present)
    throw new VarveError('ARGUMENT_INVALID', {
      message: `the store in ${location} keeps its log as ${present}, not as ${asked}`,
      hint: `leave the option log out, or write log: '${present}'`,
    });
  return present ?? asked ?? 'native';
}

/** The log of the store in a directory; undefined when there is no store. */
function presentLog(location: string): 'native' | 'level' | undefined {
  if (existsSync(join(location, 'CATALOGUE'))) return 'native';
  // Any of them may be lost: the log then says what is damaged, where a new store would hide it.
  const { log, next } = logFolders(location);
  const isLevel = namesIn(log).some((name) => /^(?:CURRENT|MARK|MANIFEST-\d+|\d+\.(?:log|ldb))$/.test(name));
  return isLevel || existsSync(next) ? 'level' : undefined;
}

/** The log of a store of which less is left; segments alone could be of either. */
function remainingLog(location: string): 'native' | 'level' | undefined {
  const names = namesIn(location);
  if (names.some((name) => name === markName || name.endsWith('.vlog'))) return 'native';
  const hasSegments = names.some((name) => name.endsWith('.vseg'));
  const { log, old } = logFolders(location);
  return hasSegments && (existsSync(log) || existsSync(old)) ? 'level' : undefined;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Whoever opens it says what is amiss.
    return [];
  }
}

async function openNative(
  location: string,
  settings: Settings,
  onEvent: (event: StoreEvent) => void,
): Promise<OpenStore> {
  const writer = new NativeWriter();
  const store = unwrap(await binding.openStore(location, settings.native, onEvent, writer.onAcks));
  writer.attach(store);
  return {
    store,
    writer,
    async close() {
      const closed = await store.close();
      writer.detach();
      unwrap(closed);
    },
  };
}

async function openLevel(
  location: string,
  settings: Settings,
  onEvent: (event: StoreEvent) => void,
): Promise<OpenStore> {
  const { createIfMissing } = settings.native;
  const lock = unwrap(await binding.lockStore(location, createIfMissing !== false));
  try {
    // Until now somebody else may have made a store of it, or one with the other log.
    const present = presentLog(location);
    chosenLog(location, present, 'level');
    if (createIfMissing === false && present === undefined)
      throw new VarveError('STORE_MISSING', {
        message: `a store in ${location} does not exist`,
        hint: 'open it with createIfMissing',
      });
    const opened = await openLocked(location, settings, onEvent, lock);
    return { ...opened, close: () => opened.close().finally(() => lock.release()) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens a store with the log on LevelDB for whoever holds its lock; LevelDB is closed when it fails. */
async function openLocked(
  location: string,
  settings: Settings,
  onEvent: (event: StoreEvent) => void,
  lock: NativeLock,
): Promise<OpenStore> {
  const { queueBytesMax } = settings.native;
  const sizes = levelLogOptions(queueBytesMax === undefined ? {} : { queueBytesMax });
  finishReplacement(location);
  const log = new LevelLog(logFolders(location).log, sizes);
  await log.open();
  let writer: ExternalWriter | undefined;
  const folds = new Set<Promise<void>>();
  /** Folds that the store asked for before there was a writer: a merge may begin while it opens. */
  const early: StoreEvent[] = [];
  const hear = (event: StoreEvent): void => {
    if (event.type !== 'fold') return onEvent(event);
    if (writer === undefined) return void early.push(event);
    const { ticket = 0, catalogue = new Uint8Array(0), foldedSequence = 0 } = event;
    // A store that is closed meanwhile has no use for the answer: the log has the catalogue, or the commits.
    const fold = writer.fold({ ticket, catalogue, foldedSequence }).catch(() => undefined);
    folds.add(fold);
    void fold.then(() => folds.delete(fold));
  };
  let store: NativeStore | undefined;
  const close = async (): Promise<void> => {
    await writer?.drain();
    await Promise.all(folds);
    try {
      if (store !== undefined) unwrap(await store.close());
    } finally {
      await log.close();
    }
  };
  try {
    const catalogue = log.catalogue();
    const native = {
      ...settings.native,
      externalLog: true,
      ...(catalogue === undefined ? {} : { catalogue }),
    };
    store = unwrap(await binding.openStore(location, native, hear, () => undefined, lock));
    removeRemains(location);
    writer = new ExternalWriter(log, externalStore(store), sizes.queueBytesMax);
    early.forEach(hear);
    await writer.start(store.stats().foldedSequence);
    return { store, writer, close, logStats: () => log.stats(), verifyLog: () => log.verify() };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

function externalStore(store: NativeStore): ExternalStore {
  return {
    catalogue: () => store.catalogue(),
    canApply: (batch) => unwrap(store.canApply(batch)),
    apply: (batch, sequence) => {
      unwrap(store.apply(batch, sequence));
    },
    foldCommitted: (ticket) => {
      unwrap(store.foldCommitted(ticket));
    },
    foldFailed: (ticket) => {
      unwrap(store.foldFailed(ticket));
    },
  };
}
