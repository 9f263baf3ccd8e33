/** Loads the compiled addon once. */
import { createRequire } from 'node:module';
import { VarveError } from '@varve/interfaces';
import type * as Native from './native.js';

/** What the addon exports. */
export type Binding = Pick<typeof Native, 'loadModel' | 'openStore' | 'repairStore'>;

const require = createRequire(import.meta.url);

/** @throws VarveError CAPABILITY_MISSING when there is no addon for this platform */
function load(): Binding {
  const file = addonFile();
  try {
    return require(`../${file}`) as Binding;
  } catch (cause) {
    throw new VarveError('CAPABILITY_MISSING', {
      message: `the native addon ${file} cannot be loaded`,
      hint: 'in a clone run "npm run setup"; elsewhere this platform has no prebuilt addon',
      cause,
    });
  }
}

/** As platform.mjs, which the build uses before TypeScript is compiled. */
function addonFile(): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const linux = report?.header?.glibcVersionRuntime === undefined ? '-musl' : '-gnu';
  const libc = process.platform === 'linux' ? linux : process.platform === 'win32' ? '-msvc' : '';
  return `varve-embedded.${process.platform}-${process.arch}${libc}.node`;
}

export const binding: Binding = load();
