/** Native reports and events in the words of the contract. */
import type {
  RepairReport,
  SegmentStats,
  StoreEvent,
  StoreJob,
  StoreStats,
  VerifyReport,
} from '@varve/interfaces';
import {
  errorOf,
  type StoreEvent as NativeEvent,
  type RepairReport as NativeRepair,
  type StoreStats as NativeStats,
  type VerifyReport as NativeVerify,
} from '@varve/native-embedded';
import type { LogStats } from './log/level-log.js';

/** @param log a reading of the log when it is not the native one */
export function statsOf(native: NativeStats, log?: LogStats): StoreStats {
  const { poisoned, groups, segments, ...same } = native;
  return {
    ...same,
    groupCommits: log?.groups ?? groups,
    commits: log?.commits ?? native.commits,
    syncs: log?.syncs ?? native.syncs,
    logBytes: log?.bytes ?? native.logBytes,
    syncedSequence: log?.syncedSequence ?? native.syncedSequence,
    queuedBytes: log?.queuedBytes ?? native.queuedBytes,
    segments: segments.map(({ entries, tombstones, blocks, indexKind, ...rest }) => ({
      ...rest,
      indexKind: indexKind as SegmentStats['indexKind'],
      entryCount: entries,
      tombstoneCount: tombstones,
      blockCount: blocks,
    })),
    ...(poisoned === undefined || poisoned === null ? {} : { poisoned }),
  };
}

export function verifyReportOf(native: NativeVerify): VerifyReport {
  return native;
}

export function repairReportOf(native: NativeRepair): RepairReport {
  return {
    ...native,
    lostSequences: native.lostSequences.map(([first = 0, last = 0]) => [first, last] as const),
    lostKeys: native.lostKeys.map(([low = empty, high = empty]) => [low, high] as const),
  };
}

/** The event as users see it; undefined for events of the inner machinery. */
export function eventOf(native: NativeEvent): StoreEvent | undefined {
  const { type, segments = [], entries: entryCount = 0, bytes: fileBytes = 0, elapsedMs = 0 } = native;
  switch (type) {
    case 'progress':
      return { type, job: native.job as StoreJob, done: native.done ?? 0, total: native.total ?? 0 };
    case 'flush':
      return { type, segments, entryCount, fileBytes, elapsedMs };
    case 'merge':
      return { type, inputs: native.inputs ?? [], segments, entryCount, fileBytes, elapsedMs };
    case 'background-failed':
      return native.failure === undefined
        ? undefined
        : { type, job: native.job as StoreJob, error: errorOf(native.failure) };
    case 'poisoned':
      return { type, cause: native.cause ?? '' };
    default:
      return undefined;
  }
}

const empty = new Uint8Array(0);
