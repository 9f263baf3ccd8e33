// The torture of the log on LevelDB: one fault, many cycles. `npm run torture -- kv --log level` starts it.
//
//     node core/kv/test/level/torture.mjs --mode kill|power|rot|full|fsync|rename|fds [--cycles N] [--seed S]
//
// It runs the same cases as the test file, and ends with `N passed, N failed`.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const cases = {
  kill: 'kills',
  power: 'power cuts',
  rot: 'reports damage',
  full: 'full disk',
  fsync: 'failed sync',
  rename: 'rename fails',
  fds: 'descriptors run out',
};
const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'kill' },
    cycles: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const name = Object.entries(cases).find(([mode]) => mode === values.mode)?.[1];
if (name === undefined || !/^\d+$/.test(values.cycles) || !/^\d+$/.test(values.seed)) {
  console.error(`--mode is one of ${Object.keys(cases).join(', ')}; --cycles and --seed are whole numbers`);
  process.exit(2);
}
const root = fileURLToPath(new URL('../../../../', import.meta.url));
const args = ['--no-install', 'vitest', 'run', 'core/kv/test/level-torture.test.ts', '-t', name];
console.log(`log level, mode ${values.mode}, ${values.cycles} cycles, seed ${values.seed}`);
const run = spawnSync('npx', args, {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, VARVE_TORTURE_CYCLES: values.cycles, VARVE_SEED: values.seed },
});
// The first cycle that fails ends it.
console.log(run.status === 0 ? `${values.cycles} passed, 0 failed` : '0 passed, 1 failed');
process.exitCode = run.status === 0 ? 0 : 1;
