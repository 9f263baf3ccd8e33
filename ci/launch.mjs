// Sets up and runs a program of the clone with the words that follow its name. The addon of the pc tier, half an hour of
// compiling on a new machine, is built only where the words ask for SQL.
//
//   node ci/launch.mjs start [-- pc]
//   node ci/launch.mjs bench sql --size small
import { spawn } from 'node:child_process';
import { root } from './lib/paths.mjs';

/** @type {Record<string, {file: string, usesSql: (words: readonly string[]) => boolean}>} */
const programs = {
  start: { file: 'benchmarks/start/dist/main.js', usesSql: (words) => words.includes('pc') },
  bench: { file: 'benchmarks/dist/main.js', usesSql: ([suite]) => suite === 'sql' },
};

const [name = '', ...words] = process.argv.slice(2);
const program = programs[name];
if (program === undefined)
  throw new Error(`there is no program ${name}: ${Object.keys(programs).join(', ')}`);

// The terminal interrupts the program too, which may have something to put in order first.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => {});
process.exitCode =
  (await runNode(['ci/setup.mjs', ...(program.usesSql(words) ? ['--pc', 'sql'] : [])])) ||
  (await runNode([program.file, ...words]));

/** Runs a script of the clone in this terminal. @param {readonly string[]} args @returns {Promise<number>} */
function runNode(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
