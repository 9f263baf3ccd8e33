// A writing process is killed 500 times, and 100 times with its log on LevelDB; every acknowledged batch must be there.
// `npm run torture` kills more.
import { expect, test } from 'vitest';
import { killCycles } from '../torture/kill.mjs';

const seed = Number(process.env.VARVE_SEED ?? 1);

test.each(
  /** @type {const} */ ([
    ['native', 500],
    ['level', 100],
  ]),
)(
  'kill -9 loses no acknowledged batch of a store with log %s',
  { timeout: 1_800_000 },
  async (log, cycles) => {
    const tally = await killCycles({ cycles, seed, log });
    console.log(
      `kill: ${cycles} cycles from seed ${seed}, ${tally.acknowledged} acknowledged batches looked for`,
    );
    expect(tally.broken).toEqual([]);
    expect(tally).toMatchObject({ passed: cycles, failed: 0 });
    // Most kills must hit a process that had written something, or the cycles prove little.
    expect(tally.acknowledged).toBeGreaterThan(cycles);
  },
);
