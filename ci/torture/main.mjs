// Tortures the store; the last line is `N passed, N failed`.
//
//   npm run torture -- kv --mode kill|power|rot|full|fsync|rename|fds|call|lying-disk --cycles N [--seed S]
//   npm run torture -- kv --log level --mode kill|power|rot|full|fsync|rename|fds --cycles N [--seed S]
//   npm run torture -- sql --mode kill|power|rot|full|fail|fds --cycles N [--seed S]
//
// `kill` kills a Node process that writes through @varve/kv on the real disk. The other modes run the engine on a
// simulated disk (native/crates/varve_kv/src/simulate), and the log on LevelDB, which does not run there, by itself on
// the real one: its files are cut or changed as a power cut or rot would, or its system calls fail (core/kv/test/level). `sql` tortures the tables under SQL
// (native/crates/varve_table/src/simulate).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../lib/paths.mjs';
import { cargoPhase, run } from '../lib/run.mjs';

const simulated = ['power', 'rot', 'full', 'fsync', 'rename', 'fds', 'call', 'lying-disk'];
const onLevel = ['power', 'rot', 'full', 'fsync', 'rename', 'fds'];
const ofTables = ['kill', 'power', 'rot', 'full', 'fail', 'fds'];
const usage = `npm run torture -- kv --mode kill|${simulated.join('|')} --cycles N [--seed S]
       npm run torture -- kv --log level --mode kill|${onLevel.join('|')} --cycles N [--seed S]
       npm run torture -- sql --mode ${ofTables.join('|')} --cycles N [--seed S]`;

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

if (positionals.join() === 'sql' && numbers && mode !== undefined && ofTables.includes(mode))
  await tables(mode);
else if (positionals.join() !== 'kv' || !numbers || (log !== 'native' && log !== 'level')) fail();
else if (mode === 'kill') await kill(log);
else if (mode !== undefined && simulated.includes(mode) && log === 'native') await simulate(mode);
else if (mode !== undefined && onLevel.includes(mode) && log === 'level') await levelAlone(mode);
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
async function levelAlone(mode) {
  await run(process.execPath, ['ci/setup.mjs'], { label: 'set-up' });
  const program = join(root, 'core/kv/test/level/torture.mjs');
  await take(process.execPath, [program, '--mode', mode, '--cycles', String(cycles), '--seed', String(seed)]);
}

/** @param {string} mode */
async function simulate(mode) {
  const cargo = ['--locked', '--manifest-path', 'native/Cargo.toml', '--profile', 'torture'];
  const binary = ['-p', 'varve_kv', '--features', 'simulate', '--bin', 'kv_torture'];
  await run('cargo', ['build', ...cargo, ...binary], { label: 'building kv_torture', phase: cargoPhase });
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'native/target');
  const args = ['--mode', mode, '--cycles', String(cycles), '--seed', String(seed)];
  await take(join(target, 'torture/kv_torture'), args);
}

/**
 * In the profile and selection of the tests: another one would compile DataFusion again.
 *
 * @param {string} mode
 */
async function tables(mode) {
  const cargo = ['--locked', '--manifest-path', 'native/Cargo.toml', '-p', 'varve_table', '-p', 'varve_sql'];
  const features = ['--features', 'varve_table/simulate'];
  await run('cargo', ['build', ...cargo, ...features], {
    label: 'building table_torture',
    phase: cargoPhase,
  });
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'native/target');
  await take(join(target, 'debug/table_torture'), [
    '--mode',
    mode,
    '--cycles',
    String(cycles),
    '--seed',
    String(seed),
  ]);
}

/** Runs a program that tells the tally itself. @param {string} program @param {string[]} args */
async function take(program, args) {
  const child = spawn(program, args, { stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}
