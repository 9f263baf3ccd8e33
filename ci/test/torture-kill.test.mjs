// A writing process is killed 500 times; every acknowledged batch must be there. `npm run torture` kills more.
import { expect, test } from 'vitest';
import { killCycles } from '../torture/kill.mjs';

const seed = Number(process.env.VARVE_SEED ?? 1);

test('kill -9 loses no acknowledged batch', { timeout: 1_800_000 }, async () => {
  const tally = await killCycles({ cycles: 500, seed });
  console.log(`kill: 500 cycles from seed ${seed}, ${tally.acknowledged} acknowledged batches looked for`);
  expect(tally.broken).toEqual([]);
  expect(tally).toMatchObject({ passed: 500, failed: 0 });
  // Most kills must hit a process that had written something, or the cycles prove little.
  expect(tally.acknowledged).toBeGreaterThan(500);
});
