/** The memory of this process: its limit, its use, its pressure. */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { type MemoryGauge, memoryPressureFrom } from '@varve/interfaces';

export const nodeMemory: MemoryGauge = {
  limitBytes: () => Math.min(totalmem(), groupLimitBytes(), addressSpaceBytes()),
  usedBytes: () => process.memoryUsage.rss(),
  pressure() {
    const share = nodeMemory.usedBytes() / nodeMemory.limitBytes();
    if (share >= memoryPressureFrom.critical) return 'critical';
    return share >= memoryPressureFrom.high ? 'high' : 'low';
  },
};

/** The limit of the control group; Node answers 0, or more than there is, when there is none. */
function groupLimitBytes(): number {
  const bytes = process.constrainedMemory();
  return bytes > 0 ? bytes : Number.POSITIVE_INFINITY;
}

/** `ulimit -v`, which Linux tells; elsewhere there is no such file and no such limit. */
function addressSpaceBytes(): number {
  try {
    return addressSpaceLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Reads the soft limit out of the text of `/proc/self/limits`; infinite when it is unlimited or not there. */
export function addressSpaceLimit(text: string): number {
  const [, bytes] = /^Max address space +(\d+) /m.exec(text) ?? [];
  return bytes === undefined ? Number.POSITIVE_INFINITY : Number(bytes);
}
