/** What suite `tiny` asks of a runtime: one row at a time, and many. */
export interface Scorer {
  readonly name: string;
  /** Scores each row of `rows`, shape [n, 16], in a call of its own; returns the sum of the answers. */
  oneByOne(rows: Float32Array): Promise<number> | number;
  /** Scores all rows in one call into `out`, shape [n]. */
  batch(rows: Float32Array, out: Float32Array): Promise<void> | void;
  close(): Promise<void> | void;
}
