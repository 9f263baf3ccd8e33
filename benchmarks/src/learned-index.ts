/**
 * Suite `index`: the Rust program in benchmarks/index, which measures the index without Node in between. It writes its
 * cases in the common format; its own head says what it asks.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProgram } from './cargo-program.js';
import { run } from './command.js';
import type { Case, Context, Run, Suite } from './result.js';

export const learnedIndex: Suite = { parts: { index: measure } };

async function measure({ size, keyCount, folder, progress, note }: Context): Promise<readonly Case[]> {
  progress.step('building the index benchmark (cargo, optimised)');
  const program = await buildProgram('index', 'varve-index-bench');
  progress.step('running the index benchmark');
  const file = join(folder, 'index.json');
  const keys = keyCount === undefined ? [] : ['--n', String(keyCount)];
  if (keyCount !== undefined)
    note(`index: ${keyCount} keys, as asked by --n; goals that name a number mean another`);
  await run(program, ['--size', size, ...keys, '--json', file]);
  return (JSON.parse(readFileSync(file, 'utf8')) as Run).cases;
}
