/**
 * Suite `index`: the Rust program in benchmarks/index, which measures the index without Node in between. It writes its
 * cases in the common format; its own head says what it asks.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.js';
import type { Case, Context, Run, Suite } from './result.js';

export const learnedIndex: Suite = { parts: { index: measure } };

const manifest = fileURLToPath(new URL('../index/Cargo.toml', import.meta.url));

async function measure({ size, keyCount, folder, progress, note }: Context): Promise<readonly Case[]> {
  progress.step('building the index benchmark (cargo, optimised)');
  const build = ['build', '--release', '--locked', '--manifest-path', manifest, '--message-format=json'];
  const messages = await run('cargo', build);
  progress.step('running the index benchmark');
  const file = join(folder, 'index.json');
  const keys = keyCount === undefined ? [] : ['--n', String(keyCount)];
  if (keyCount !== undefined)
    note(`index: ${keyCount} keys, as asked by --n; goals that name a number mean another`);
  await run(programOf(messages), ['--size', size, ...keys, '--json', file]);
  return (JSON.parse(readFileSync(file, 'utf8')) as Run).cases;
}

/** Cargo names the program that it built, wherever its target folder is. */
function programOf(messages: string): string {
  const artifact = messages
    .split('\n')
    .filter((line) => line.includes('"executable":"'))
    .map((line) => JSON.parse(line) as { executable: string; target: { name: string } })
    .find(({ target }) => target.name === 'varve-index-bench');
  if (artifact === undefined) throw new Error('cargo built no program named varve-index-bench');
  return artifact.executable;
}
