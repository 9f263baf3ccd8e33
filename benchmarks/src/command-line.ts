/** What `npm run bench` was asked for. */
import type { Size } from './result.js';

export const usage = `npm run bench -- SUITE [--size small|real] [--seed N] [--only PART] [--n KEYS] [--json FILE]
npm run bench -- goals     the scoreboard of the committed results
npm run bench -- readme    writes the result tables of the README and the picture

SUITE is index, kv, sql, tier or tiny. --size is real by default. Results at the real size go to
benchmarks/results/SUITE-real.json unless --json names another file, and then only from files as they are committed;
small ones are only printed without it.
What a run measured before it failed or was stopped goes beside it, to NAME.incomplete.json.
--only runs some parts, with commas between them (of kv: reads, scan, unsynced, synced, merge, open, compressible,
larger, ycsb; of sql: h2o, filters, groups, file, tpch, tpchMemory, boundary, calls, append, commit, adaptive,
addon; of tier: addon, idle, limited; of tiny: scoring, memory, kernel), and writes a file only where --json names one.
So does --n, the number of keys of index instead of its size's (50,000,000 and 1,000,000).`;

export type Command =
  | { readonly name: 'goals' | 'readme' | 'help' }
  | {
      readonly name: 'suite';
      readonly suite: string;
      readonly size: Size;
      readonly seed: number;
      readonly only?: string;
      /** Keys of suite `index`; its size's by default. */
      readonly keyCount?: number;
      readonly json?: string;
    };

/** The request cannot be understood; the message says why. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseCommandLine(words: readonly string[], suites: readonly string[]): Command {
  const [first, ...rest] = words;
  if (first === undefined || first === 'help' || first === '--help') return { name: 'help' };
  if (first === 'goals' || first === 'readme') {
    if (rest.length > 0) throw new UsageError(`${first} takes no arguments`);
    return { name: first };
  }
  if (!suites.includes(first))
    throw new UsageError(`there is no suite ${first}; the suites are ${suites.join(', ')}`);
  let size: Size = 'real';
  let seed = 42;
  let only: string | undefined;
  let keyCount: number | undefined;
  let json: string | undefined;
  for (let i = 0; i < rest.length; i += 2) {
    const [option = '', value] = rest.slice(i, i + 2);
    if (value === undefined) throw new UsageError(`${option} needs a value`);
    if (option === '--size' && (value === 'small' || value === 'real')) size = value;
    else if (option === '--seed' && /^\d{1,9}$/.test(value)) seed = Number(value);
    else if (option === '--only') only = value;
    else if (option === '--n' && first === 'index' && /^[1-9]\d{0,9}$/.test(value)) keyCount = Number(value);
    else if (option === '--json') json = value;
    else throw new UsageError(`${option} ${value} is not understood`);
  }
  return {
    name: 'suite',
    suite: first,
    size,
    seed,
    ...(only === undefined ? {} : { only }),
    ...(keyCount === undefined ? {} : { keyCount }),
    ...(json === undefined ? {} : { json }),
  };
}
