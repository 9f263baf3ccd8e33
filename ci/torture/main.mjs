// Tortures the store; the last line is `N passed, N failed`.
//
//   npm run torture -- kv --mode kill|power|rot|full|fsync|rename|fds|call|lying-disk --cycles N [--seed S]
//   npm run torture -- kv --mode kill --log level --cycles N
//
// `kill` kills a Node process that writes through @varve/kv on the real disk; the other modes run the engine on a
// simulated disk (native/crates/varve_kv/src/simulate).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../lib/paths.mjs';
import { cargoPhase, run } from '../lib/run.mjs';

const simulated = ['power', 'rot', 'full', 'fsync', 'rename', 'fds', 'call', 'lying-disk'];
const usage = `npm run torture -- kv --mode kill|${simulated.join('|')} --cycles N [--seed S] [--log native|level]`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mode: { type: 'string' },
    cycles: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    log: { type: 'string', default: 'native' },
  },
});
const { mode, log } = values;
const [cycles, seed] = [Number(values.cycles), Number(values.seed)];
const numbers = Number.isSafeInteger(cycles) && cycles > 0 && Number.isSafeInteger(seed) && seed >= 0;

if (positionals.join() !== 'kv' || !numbers || (log !== 'native' && log !== 'level')) fail();
else if (mode === 'kill') await kill(log);
else if (mode !== undefined && simulated.includes(mode) && log === 'native') await simulate(mode);
else fail();

function fail() {
  console.error(`usage: ${usage}`);
  process.exitCode = 2;
}

/** @param {'native' | 'level'} log */
async function kill(log) {
  await run(process.execPath, ['ci/setup.mjs'], { label: 'set-up' });
  const { killCycles } = await import('./kill.mjs');
  console.log(`kv kill, ${log} log: ${cycles} cycles from seed ${seed}, real disk`);
  let told = performance.now();
  const tally = await killCycles({ cycles, seed, log }, ({ passed, failed }) => {
    if (performance.now() - told < 1000) return;
    told = performance.now();
    console.log(`${passed + failed} of ${cycles} cycles`);
  });
  for (const what of tally.broken) console.log(`failed in ${what}`);
  console.log(`${tally.acknowledged} acknowledged batches were looked for`);
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  if (tally.failed > 0) process.exitCode = 1;
}

/** @param {string} mode */
async function simulate(mode) {
  const cargo = ['--locked', '--manifest-path', 'native/Cargo.toml', '--profile', 'torture'];
  const binary = ['-p', 'varve_kv', '--features', 'simulate', '--bin', 'kv_torture'];
  await run('cargo', ['build', ...cargo, ...binary], { label: 'building kv_torture', phase: cargoPhase });
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'native/target');
  const args = ['--mode', mode, '--cycles', String(cycles), '--seed', String(seed)];
  const child = spawn(join(target, 'torture/kv_torture'), args, { stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}
