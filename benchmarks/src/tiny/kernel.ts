/**
 * Case `kernel`: machine code that scoring runs.
 *
 * The addon ships without symbols, so varve_tiny is compiled once more, alone and with them, by the same optimiser
 * settings but for link-time optimisation. The kernel is `Model::infer`, `Model::infer_batch` and every function of the
 * object file that they reach, step by step through its relocations: of all instruction sets of this architecture, with
 * what the compiler copied in from other crates. Loading, checking, saving and importing models are not reached; what
 * is called of the standard library (memory copies, logarithms, the text of an error) is outside the object file.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../command.js';
import type { Case, Context } from '../result.js';
import { exact } from '../statistics.js';

const manifest = fileURLToPath(new URL('../../../native/Cargo.toml', import.meta.url));

/** The mangled names of the calls that score. */
const scoring = /varve_tiny5model5Model(?:5infer|11infer_batch)/;

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
  const sizes = sizesOf(await run('nm', ['--print-size', '--defined-only', '--radix=d', object]));
  const calls = callsOf(await run('objdump', ['--disassemble', '--reloc', '--no-show-raw-insn', object]));
  const reached = new Set([...sizes.keys()].filter((name) => scoring.test(name)));
  if (reached.size < 2) throw new Error('the object of varve_tiny has no scoring function');
  // A set that grows while it is walked is walked to its end.
  for (const name of reached)
    for (const called of calls.get(name) ?? []) if (sizes.has(called)) reached.add(called);
  const bytes = [...reached].reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
  return {
    case: 'kernel',
    metric: 'code size',
    unit: 'B',
    better: 'lower',
    values: { varve: exact(bytes) },
  };
}

/** Functions of an object file and their bytes. */
function sizesOf(symbols: string): ReadonlyMap<string, number> {
  const lines = symbols.split('\n').map((line) => /^\d+ (\d+) [tTwW] (\S+)$/.exec(line));
  return new Map(lines.flatMap((match) => (match === null ? [] : [[match[2] ?? '', Number(match[1])]])));
}

/** What each function refers to, by name; a local function may be named by its section. */
function callsOf(disassembly: string): ReadonlyMap<string, ReadonlySet<string>> {
  const calls = new Map<string, Set<string>>();
  let names = new Set<string>();
  for (const line of disassembly.split('\n')) {
    const head = /^[0-9a-f]+ <(\S+)>:$/.exec(line)?.[1];
    if (head !== undefined) calls.set(head, (names = new Set()));
    const referred = /\bR_\w+\s+(?:\.text\.(?:unlikely\.)?)?([^\s+-]+)/.exec(line)?.[1];
    if (referred !== undefined) names.add(referred);
  }
  return calls;
}
