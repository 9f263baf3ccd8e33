/**
 * A column of 64-bit integers or doubles out of plain arrays, written in place: a bigint for each number would be
 * garbage that the collector stops the event loop for.
 */
import { type Column, type DataType, Type } from '@uwdata/flechette';
import { builtColumn, validityOf } from './built-column.js';
import type { Stored } from './stored.js';

/** Whether a column of this type is written here: one whose numbers are stored as they are. */
export function isWrittenInPlace(type: DataType): boolean {
  return (
    (type.typeId === Type.Int && type.bitWidth === 64) || (type.typeId === Type.Float && type.precision === 2)
  );
}

/** Builds a column. @param stored turns what is no plain number into what is stored @throws VarveError SQL_TYPE, SQL_VALUE */
export function numberColumn(
  type: DataType,
  values: ArrayLike<unknown>,
  rows: { readonly from: number; readonly to: number },
  stored: Stored,
): Column<unknown> {
  const length = rows.to - rows.from;
  const memory = new ArrayBuffer(length * 8);
  const numbers =
    type.typeId === Type.Float
      ? new Float64Array(memory)
      : isSigned(type)
        ? new BigInt64Array(memory)
        : new BigUint64Array(memory);
  const write = type.typeId === Type.Float ? doubleWriter(memory) : integerWriter(memory, type);
  const isNull = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    const value = values[rows.from + at];
    if (value === null || value === undefined) isNull[at] = 1;
    else if (!write(at, value)) numbers[at] = stored(value, rows.from + at) as never;
  }
  return builtColumn(type, { length, ...validityOf(length, (at) => isNull[at] === 1), values: numbers });
}

/** Writes one value. @returns false for what it leaves to somebody else */
type Writer = (at: number, value: unknown) => boolean;

function doubleWriter(memory: ArrayBuffer): Writer {
  const doubles = new Float64Array(memory);
  return (at, value) => {
    if (typeof value !== 'number') return false;
    doubles[at] = value;
    return true;
  };
}

/** Little endian, as all that Node runs on. */
function integerWriter(memory: ArrayBuffer, type: DataType): Writer {
  const halves = new Uint32Array(memory);
  const low = isSigned(type) ? Number.MIN_SAFE_INTEGER : 0;
  return (at, value) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < low) return false;
    halves[at * 2] = value;
    halves[at * 2 + 1] = Math.floor(value / 2 ** 32);
    return true;
  };
}

function isSigned(type: DataType): boolean {
  return type.typeId === Type.Int && type.signed;
}
