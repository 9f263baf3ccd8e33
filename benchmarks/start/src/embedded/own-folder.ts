/**
 * The folder of the runs: the database, the summary of the run that made it, and a lock.
 *
 * Invariants
 * 1. Nothing in it is read or removed but by the owner of the lock, so that a second start cannot take away what a first
 *    one is filling. The lock is that of an empty store: it ends with its process, however that ends.
 * 2. A summary is believed only as a whole: what a run wrote, for this version and as many departures.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open, VarveError } from '@varve/embedded';
import { type Summary, summaryVersion } from './summary.js';

const lockName = 'lock';

/** Runs `work` as the only owner of `folder`. @throws VarveError STORE_LOCKED while another process does */
export async function owning<T>(folder: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true });
  const lock = await takeLock(folder);
  try {
    return await work();
  } finally {
    await lock.close();
  }
}

async function takeLock(folder: string): Promise<{ close(): Promise<void> }> {
  try {
    return await open(join(folder, lockName), { control: 'off', logFileBytes: 16 << 10 });
  } catch (cause) {
    if (!(cause instanceof VarveError && cause.code === 'STORE_LOCKED')) throw cause;
    throw new VarveError('STORE_LOCKED', {
      message: `another start is at work in ${folder}`,
      hint: 'wait until it is done',
      cause,
    });
  }
}

/** Removes everything but the lock. */
export function empty(folder: string): void {
  for (const name of readdirSync(folder))
    if (name !== lockName) rmSync(join(folder, name), { recursive: true, force: true });
}

/** Leaves the summary for the next run. */
export function saveSummary(folder: string, summary: Summary): void {
  const text = JSON.stringify(summary);
  writeFileSync(summaryFile(folder), `${digestOf(text)}\n${text}`);
}

/** The summary of an earlier run over as many departures; undefined when there is none that can be believed. */
export function savedSummary(folder: string, rowCountMax: number): Summary | undefined {
  let saved: string;
  try {
    saved = readFileSync(summaryFile(folder), 'utf8');
  } catch {
    // None, or one that cannot be read: the run makes a new one, and says then what is amiss with the folder.
    return undefined;
  }
  const [digest, text = ''] = saved.split('\n');
  if (digest !== digestOf(text)) return undefined;
  const summary = JSON.parse(text) as Summary;
  return summary.version === summaryVersion && summary.rowCountMax === rowCountMax ? summary : undefined;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function summaryFile(folder: string): string {
  return join(folder, 'summary.json');
}
