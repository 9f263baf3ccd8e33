/** Columns of one batch out of buffers that are made here. */
import { type Batch, batchType, Column, type DataType } from '@uwdata/flechette';

/** The parts of a batch. */
export interface BatchParts {
  readonly length: number;
  readonly nullCount: number;
  readonly validity: Uint8Array;
  readonly values: ArrayBufferView;
  readonly offsets?: Int32Array;
}

/** Builds a column; the buffers are its own from then on. */
export function builtColumn(type: DataType, parts: BatchParts): Column<unknown> {
  // As Flechette's builders do, so that columns of one table agree in their batches.
  if (parts.length === 0) return new Column([], type);
  const BatchType = batchType(type, { useBigInt: true }) as unknown as new (parts: object) => Batch<unknown>;
  return new Column([new BatchType({ ...parts, type })], type);
}

/** The bitmap of values that are there; empty when all are. */
export function validityOf(
  length: number,
  isNull: (at: number) => boolean,
): { readonly validity: Uint8Array; readonly nullCount: number } {
  let nullCount = 0;
  const validity = new Uint8Array(Math.ceil(length / 8));
  for (let at = 0; at < length; at += 1) {
    if (isNull(at)) nullCount += 1;
    else validity[at >> 3] = (validity[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return nullCount === 0 ? { validity: new Uint8Array(0), nullCount } : { validity, nullCount };
}
