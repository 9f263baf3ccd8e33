/** Loads the compiled addon once. */
import { createRequire } from 'node:module';
import { VarveError } from '@varve/interfaces';
import { addonFiles } from '../platform.mjs';
import type { openDatabase } from './native.js';

/** What the addon exports. */
export interface Binding {
  /** Opens a directory of tables. */
  readonly openDatabase: typeof openDatabase;
}

const require = createRequire(import.meta.url);

/** @throws VarveError CAPABILITY_MISSING when there is no addon for this platform */
function load(): Binding {
  const causes: unknown[] = [];
  const files = addonFiles();
  for (const file of files) {
    try {
      // By its package, because this file may be part of another package's bundle.
      return require(`@varve/native-mobile/${file}`) as Binding;
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new VarveError('CAPABILITY_MISSING', {
    message: `the native addon ${files.join(' or ')} cannot be loaded`,
    hint: 'in a clone run "npm test" or "npm start -- mobile" once; elsewhere this platform has no prebuilt addon',
    cause: causes[0],
  });
}

/** The addon, loaded when this module is. */
export const binding: Binding = load();
