/** Case `64 MiB of memory`: a process that may hold 64 MiB in all loads and serves a data set ten times larger. */
import { join } from 'node:path';
import { runLimited } from '../memory-limit.js';
import type { Case, Context } from '../result.js';
import { WrongAnswer } from '../rounds.js';
import { exact } from '../statistics.js';

const limitBytes = 64 * 2 ** 20;

interface Answer {
  readonly dataBytes: number;
  /** Reads that gave another value than was loaded. */
  readonly wrong: number;
  /** What a scan gave, and what was loaded. */
  readonly scanned: string;
  readonly loaded: string;
  readonly loadedPerSecond: number;
  readonly readsPerSecond: number;
  readonly scannedPerSecond: number;
  readonly openMs: number;
  readonly peakResidentBytes: number;
}

export async function limited({ size, seed, folder, progress, note }: Context): Promise<readonly Case[]> {
  progress.step('64 MiB of memory: loading and serving');
  const [records, asked] = size === 'real' ? [5_800_000, 100_000] : [100_000, 5_000];
  const { answer, how, peakBytes } = await runLimited<Answer>(
    limitBytes,
    new URL('limited.child.js', import.meta.url),
    [join(folder, 'limited'), records, seed, asked].map(String),
    // V8 would plan with the machine's memory, not with the group's.
    ['--max-old-space-size=24', '--max-semi-space-size=1'],
  );
  if (answer.wrong > 0) throw new WrongAnswer(`64 MiB of memory: ${answer.wrong} values differ`);
  if (answer.scanned !== answer.loaded)
    throw new WrongAnswer(`64 MiB of memory: a scan gives ${answer.scanned} instead of ${answer.loaded}`);
  note(
    `64 MiB of memory: ${how}; pages of the Node program that other processes brought in are counted in the resident set, not in the group`,
  );
  const name = '64 MiB of memory';
  const of = (metric: string, unit: string, better: 'higher' | 'lower', value: number): Case => ({
    case: name,
    metric,
    unit,
    better,
    values: { varve: exact(value) },
  });
  return [
    of('data served over memory', 'x', 'higher', answer.dataBytes / limitBytes),
    of('records loaded per second', '1/s', 'higher', answer.loadedPerSecond),
    of('reads per second', '1/s', 'higher', answer.readsPerSecond),
    of('records scanned per second', '1/s', 'higher', answer.scannedPerSecond),
    of('open to first get', 'ms', 'lower', answer.openMs),
    of('peak resident set', 'B', 'lower', answer.peakResidentBytes),
    ...(peakBytes === undefined ? [] : [of('peak of the control group', 'B', 'lower', peakBytes)]),
  ];
}
