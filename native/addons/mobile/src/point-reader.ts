/** What Rust builds by hand, without a wrapper: `sql::point` of varve_napi. */
import type { Failed } from './native.js';

/** Reads rows of one table by primary key. Keys and rows lie in the buffers that it was made with. */
export interface NativePointReader {
  /** The schema message of the table's columns. */
  columns: Uint8Array;
  /** Places of the primary key's columns, in key order. */
  primaryKey: number[];
  /**
   * Looks up the key in the first bytes of the key buffer.
   *
   * @returns bytes of the row, which is in the row buffer when it fits; -1 when there is none; -2 when it failed; -3 when
   *   the table is no longer what it was
   */
  get(keyBytes: number): number;
  /** Registers another row buffer. */
  setRow(row: Uint8Array): void;
  /** Why the last call returned -2. */
  takeFailure(): Failed;
}
