// What the addon is compiled for on x64: the level x86-64-v3, which Intel's processors have since 2013 and AMD's since 2015. With
// the first level columns would be unpacked and computed with SSE2. Plain JavaScript, because the build needs it before
// anything else.
import { readFileSync } from 'node:fs';

/** Flags of the compiler for a build that users get. */
export const compilerFlags = process.arch === 'x64' ? '-Ctarget-cpu=x86-64-v3' : '';

/** Linux's names of what that level has beyond the one before it. */
const instructions = ['abm', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe'];

/**
 * Those that a processor lacks.
 *
 * @param {string} info the text of /proc/cpuinfo
 */
export function missingInstructions(info) {
  const flags = /^flags\s*:(.*)$/m.exec(info)?.[1]?.trim().split(/\s+/);
  return flags === undefined ? [] : instructions.filter((name) => !flags.includes(name));
}

/** Those that this processor lacks; none where the system does not tell, as elsewhere than on Linux. */
export function missingHere() {
  if (process.arch !== 'x64' || process.platform !== 'linux') return [];
  try {
    return missingInstructions(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return [];
  }
}
