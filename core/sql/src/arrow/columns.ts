/** Whole columns out of decoded batches: typed arrays where nothing is lost by them. */
import { type Batch, type Column, type DataType, Type } from '@uwdata/flechette';
import type { SqlColumn, SqlValue, ValueModes } from '@varve/interfaces';
import { cellOf } from './cells.js';
import { safeNumber } from './scalars.js';

type Numbers = Exclude<SqlColumn, readonly SqlValue[]>;

/** All values of a column. A view of the decoded bytes when they are numbers without nulls in one batch. */
export function columnOf({ type, data, nullCount }: Column<unknown>, modes: ValueModes): SqlColumn {
  const NumberArray = numberArray(type);
  if (NumberArray === undefined || nullCount > 0) return listed(data, modes);
  const [first] = data;
  const stored =
    data.length === 1 && first !== undefined ? (first.values as Numbers) : joined(NumberArray, data);
  const isWide = stored instanceof BigInt64Array || stored instanceof BigUint64Array;
  return isWide && modes.int64 === 'number' ? Float64Array.from(stored, safeNumber) : stored;
}

/** The array type of plain numbers; undefined for types whose values are not the stored numbers. */
function numberArray(type: DataType): (new (length: number) => Numbers) | undefined {
  if (type.typeId === Type.Int || type.typeId === Type.Duration) return type.values;
  if (type.typeId === Type.Float && type.precision > 0) return type.values;
  return undefined;
}

function joined(NumberArray: new (length: number) => Numbers, parts: readonly Batch<unknown>[]): Numbers {
  const all = new NumberArray(parts.reduce((count, { length }) => count + length, 0));
  let at = 0;
  for (const { values, length } of parts) {
    // Both hold the same type, which TypeScript cannot see.
    (all as Float64Array).set(values as Float64Array, at);
    at += length;
  }
  return all;
}

function listed(parts: readonly Batch<unknown>[], modes: ValueModes): SqlValue[] {
  const all: SqlValue[] = [];
  for (const part of parts) {
    const cell = cellOf(part, modes);
    for (let row = 0; row < part.length; row += 1) all.push(cell(row));
  }
  return all;
}
