/**
 * Case `kernel`: machine code of the scoring kernels.
 *
 * The addon ships without symbols, so varve_tiny is compiled once more, alone and with them, by the same optimiser
 * settings but for link-time optimisation. What counts is every function of the crate that a call of `infer` can
 * reach; reading and writing files, the ONNX importer and the growing of forests do not.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../command.js';
import type { Case, Context } from '../result.js';
import { exact } from '../statistics.js';

const manifest = fileURLToPath(new URL('../../../native/Cargo.toml', import.meta.url));

/** Functions of the crate that no scoring call reaches. */
const notScoring =
  /varve_tiny(?:\[\w+\])?::(?:file|onnx|limits|failure|quantise|schema|forest::grow)|fmt::|drop_in_place/;

export async function kernel({ progress }: Context): Promise<Case> {
  progress.step('compiling the kernels alone (cargo)');
  const place = ['--locked', '--manifest-path', manifest];
  const described = await run('cargo', ['metadata', '--format-version=1', '--no-deps', ...place]);
  const { target_directory: target } = JSON.parse(described) as { target_directory: string };
  const object = join(target, 'varve-bench', 'varve_tiny.o');
  mkdirSync(dirname(object), { recursive: true });
  // In cargo's own target folder, so that a second run finds everything compiled.
  const build = 'rustc --package varve_tiny --lib --release --config profile.release.lto=false';
  await run('cargo', [...build.split(' '), ...place, '--', `--emit=obj=${object}`]);
  const symbols = await run('nm', ['--demangle', '--print-size', '--defined-only', '--radix=d', object]);
  const sizes = symbols
    .split('\n')
    .map((line) => /^\d+ (\d+) [tTwW] (.*)$/.exec(line))
    .filter((match): match is RegExpExecArray => match?.[2]?.includes('varve_tiny') === true)
    .filter(([, , name = '']) => !notScoring.test(name))
    .map(([, size]) => Number(size));
  if (sizes.length === 0) throw new Error('the object of varve_tiny has no scoring function');
  return {
    case: 'kernel',
    metric: 'code size',
    unit: 'B',
    better: 'lower',
    values: { varve: exact(sizes.reduce((sum, size) => sum + size, 0)) },
  };
}
