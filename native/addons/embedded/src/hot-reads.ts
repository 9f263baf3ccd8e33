/**
 * Point reads bound to one store and view, as the addon exports them (`native/crates/varve_napi/src/kv/hot.rs`).
 *
 * The key lies in the scratch buffer that was given to `hotReads`; `get` copies to the buffer registered last.
 */
import type { Failed } from './native.js';

/** Reads without a key of their own: it is in the scratch buffer. */
export interface HotReads {
  /** @returns the value's length, also when it exceeds the buffer, which is then untouched; -1 missing; -2 failed */
  get(keyBytes: number): number;
  /** As `get`, without copying. */
  has(keyBytes: number): number;
  /** Registers the buffer that `get` fills; call it again whenever its identity or length changes. */
  setOut(out: Uint8Array): void;
  /** Why the last call returned -2. */
  takeFailure(): Failed;
}
