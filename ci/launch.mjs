// Sets up and runs a program of the clone with the words that follow its name. The addons of the mobile and pc tiers, half an
// hour of compiling each on a new machine, are built only where the words ask for them.
//
//   node ci/launch.mjs start [-- pc]
//   node ci/launch.mjs bench sql --size small
import { spawn } from 'node:child_process';
import { root } from './lib/paths.mjs';

/** @type {Record<string, {file: string, addons: (words: readonly string[]) => string[]}>} */
const programs = {
  start: {
    file: 'benchmarks/start/dist/main.js',
    addons: (words) => [
      ...(words.includes('mobile') ? ['--mobile', 'mobile'] : []),
      ...(words.includes('pc') ? ['--pc', 'pc'] : []),
    ],
  },
  bench: {
    file: 'benchmarks/dist/main.js',
    addons: ([suite]) => (suite === 'sql' ? ['--pc', 'pc'] : []),
  },
};

const [name = '', ...words] = process.argv.slice(2);
const program = programs[name];
if (program === undefined)
  throw new Error(`there is no program ${name}: ${Object.keys(programs).join(', ')}`);

// The terminal interrupts the program too, which may have something to put in order first.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => {});
process.exitCode =
  (await runNode(['ci/setup.mjs', ...program.addons(words)])) || (await runNode([program.file, ...words]));

/** Runs a script of the clone in this terminal. @param {readonly string[]} args @returns {Promise<number>} */
function runNode(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
