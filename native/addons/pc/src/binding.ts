/** Loads the compiled addon once. */
import { createRequire } from 'node:module';
import { VarveError } from '@varve/interfaces';
import { addonFiles } from '../platform.mjs';
import { missingHere } from '../processor.mjs';
import type { openDatabase } from './native.js';

/** What the addon exports. */
export interface Binding {
  /** Opens a directory of tables. */
  readonly openDatabase: typeof openDatabase;
}

const require = createRequire(import.meta.url);

/** @throws VarveError CAPABILITY_MISSING when there is no addon for this platform, or none that its processor runs */
function load(): Binding {
  const missing = missingHere();
  if (missing.length > 0)
    // The process would end at the first instruction that is not there.
    throw new VarveError('CAPABILITY_MISSING', {
      message: `the processor has no ${missing.join(', ')}, which the native addon needs`,
      hint: 'use a processor of the level x86-64-v3, or @varve/mobile, which needs no more than the first',
    });
  const causes: unknown[] = [];
  const files = addonFiles();
  for (const file of files) {
    try {
      // By its package, because this file may be part of another package's bundle.
      return require(`@varve/native-pc/${file}`) as Binding;
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new VarveError('CAPABILITY_MISSING', {
    message: `the native addon ${files.join(' or ')} cannot be loaded`,
    hint: 'in a clone run "npm test" or "npm start -- pc" once; elsewhere this platform has no prebuilt addon',
    cause: causes[0],
  });
}

/** The addon, loaded when this module is. */
export const binding: Binding = load();
