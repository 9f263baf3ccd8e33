/** What the kernel counts for this process. Linux only; elsewhere the figures are NaN. */
import { readFileSync } from 'node:fs';

/** Bytes that this process made storage deliver, page faults of mapped files included (`read_bytes`). */
export const bytesFromStorage = (): number => field('/proc/self/io', 'read_bytes');

/** Resident set, bytes. */
export const residentBytes = (): number => field('/proc/self/smaps_rollup', 'Rss') * 1024;

/**
 * Resident memory outside the mapped program file of Node itself, bytes: heap, stacks, libraries and add-ons, shared
 * with another process or not.
 */
export const ownBytes = (): number => outsideNode('Rss');

/** The part of `ownBytes` that no file backs: what the kernel cannot drop and read again. */
export const anonymousBytes = (): number => outsideNode('Anonymous');

/** Sum of a figure of `/proc/self/smaps` over all mappings but those of Node's program file. */
function outsideNode(figure: string): number {
  let sum = 0;
  let counts = true;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counts = !line.endsWith(process.execPath);
    else if (counts && line.startsWith(`${figure}:`)) sum += Number(/\d+/.exec(line)?.[0]) * 1024;
  }
  return sum;
}

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
