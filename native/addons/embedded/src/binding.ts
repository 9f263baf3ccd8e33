/** Loads the compiled addon once. */
import { createRequire } from 'node:module';
import { VarveError } from '@varve/interfaces';
import { addonFiles } from '../platform.mjs';
import type { loadModel, lockStore, openStore, repairStore } from './native.js';

/** What the addon exports. */
export interface Binding {
  /** Loads a model file or an ONNX message. */
  readonly loadModel: typeof loadModel;
  /** Takes the lock of a store whose log is the caller's, to open or to salvage it. */
  readonly lockStore: typeof lockStore;
  /** Opens a store, with the native log or the caller's. */
  readonly openStore: typeof openStore;
  /** Salvages a store whose log is native. */
  readonly repairStore: typeof repairStore;
}

const require = createRequire(import.meta.url);

/** @throws VarveError CAPABILITY_MISSING when there is no addon for this platform */
function load(): Binding {
  const causes: unknown[] = [];
  const files = addonFiles();
  for (const file of files) {
    try {
      // By its package, because this file may be part of another package's bundle.
      return require(`@varve/native-embedded/${file}`) as Binding;
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new VarveError('CAPABILITY_MISSING', {
    message: `the native addon ${files.join(' or ')} cannot be loaded`,
    hint: 'in a clone run "npm run setup"; elsewhere this platform has no prebuilt addon',
    cause: causes[0],
  });
}

/** The addon, loaded when this module is. */
export const binding: Binding = load();
