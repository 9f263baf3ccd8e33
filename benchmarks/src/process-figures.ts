/** What the kernel counts for this process. Linux only; elsewhere the figures are NaN. */
import { readFileSync } from 'node:fs';

/** Bytes that this process made storage deliver, page faults of mapped files included (`read_bytes`). */
export const bytesFromStorage = (): number => field('/proc/self/io', 'read_bytes');

/** Resident set, bytes. */
export const residentBytes = (): number => field('/proc/self/smaps_rollup', 'Rss') * 1024;

/** Resident memory that no other process shares, bytes: what would be free without this process. */
export const privateBytes = (): number =>
  (field('/proc/self/smaps_rollup', 'Private_Clean') + field('/proc/self/smaps_rollup', 'Private_Dirty')) *
  1024;

/** The most this process ever had resident, bytes. */
export const peakResidentBytes = (): number => field('/proc/self/status', 'VmHWM') * 1024;

function field(file: string, name: string): number {
  try {
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .find((text) => text.startsWith(`${name}:`));
    return Number(/:\s+(\d+)/.exec(line ?? '')?.[1] ?? Number.NaN);
  } catch {
    return Number.NaN;
  }
}
