/** Loads the compiled addon once. */
import { createRequire } from 'node:module';
import { VarveError } from '@varve/interfaces';
import type * as Native from './native.js';

/** What the addon exports. */
export type Binding = Pick<typeof Native, 'beginRepair' | 'loadModel' | 'openStore' | 'repairStore'>;

const require = createRequire(import.meta.url);

/** @throws VarveError CAPABILITY_MISSING when there is no addon for this platform */
function load(): Binding {
  const causes: unknown[] = [];
  for (const file of addonFiles()) {
    try {
      return require(`../${file}`) as Binding;
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new VarveError('CAPABILITY_MISSING', {
    message: `the native addon ${addonFiles().join(' or ')} cannot be loaded`,
    hint: 'in a clone run "npm run setup"; elsewhere this platform has no prebuilt addon',
    cause: causes[0],
  });
}

/**
 * Names that platform.mjs may have given the addon. On Linux both C libraries are tried: to ask Node which one it
 * runs on takes a report of the whole process, some 240 KB of memory.
 */
function addonFiles(): readonly string[] {
  const platform = `varve-embedded.${process.platform}-${process.arch}`;
  if (process.platform === 'linux') return [`${platform}-gnu.node`, `${platform}-musl.node`];
  return [`${platform}${process.platform === 'win32' ? '-msvc' : ''}.node`];
}

export const binding: Binding = load();
