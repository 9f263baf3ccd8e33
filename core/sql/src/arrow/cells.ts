/**
 * Reads single values out of decoded Arrow columns, in the forms that `ValueModes` asks for.
 *
 * Flechette gives the buffers; values are read here, because its own lose what we promise to keep: its text decoder
 * drops a byte order mark, its intervals round, and one switch decides integers and decimals alike.
 */
import { isAscii } from 'node:buffer';
import { type Batch, type DataType, IntervalUnit, Type, UnionMode } from '@uwdata/flechette';
import type { SqlValue, ValueModes } from '@varve/interfaces';
import { rowBuilder } from './rows.js';
import { decimalText, millisecondsOf, safeNumber, timeText } from './scalars.js';
import { mapFields } from './sql-types.js';

const windowBytes = 64 << 10;

/** Reads the value of one row. */
export type Cell = (row: number) => SqlValue;

/** Flechette's batches in the shape that a type gives them. */
type Raw = Batch<unknown> & {
  readonly values: ArrayLike<number | bigint> & ArrayBufferView;
  readonly offsets: ArrayLike<number | bigint>;
  readonly sizes: ArrayLike<number | bigint>;
  readonly children: readonly Raw[];
  readonly typeIds: Int8Array;
  readonly dictionary: { readonly data: readonly Raw[]; readonly offsets: Int32Array };
  readonly view: (row: number) => Uint8Array;
};

/** A reader of the values of one batch of a column. */
export function cellOf(batch: Batch<unknown>, modes: ValueModes): Cell {
  const value = valueOf(batch as Raw, modes);
  return batch.nullCount > 0 && (batch.validity?.length ?? 0) > 0
    ? (row) => (batch.isValid(row) ? value(row) : null)
    : value;
}

/** Decoding options under which a batch's `value` is the stored one, or easily made of it. */
export const rawOptions = { useBigInt: true, useBigIntTimestamp: true, useDecimalInt: true };

function valueOf(batch: Raw, modes: ValueModes): Cell {
  const { values } = batch;
  const type: DataType = batch.type;
  switch (type.typeId) {
    case Type.Int:
      return type.bitWidth === 64 ? wideOf(values, modes) : (row) => values[row] as number;
    case Type.Duration:
      return wideOf(values, modes);
    case Type.Float:
    case Type.Bool:
      return (row) => batch.value(row) as number | boolean;
    case Type.Decimal:
      return decimalOf(batch, type.scale, modes);
    case Type.Date:
      return (row) => new Date(Number(batch.value(row)));
    case Type.Time:
      return (row) => timeText(BigInt(values[row] as number | bigint), type.unit);
    case Type.Timestamp:
      return modes.timestamp === 'bigint'
        ? (row) => values[row] as bigint
        : (row) => new Date(millisecondsOf(values[row] as bigint, type.unit));
    case Type.Interval:
      return intervalOf(values, type.unit);
    case Type.Utf8:
    case Type.LargeUtf8:
      return textOf(values, batch.offsets);
    case Type.Utf8View:
      return (row) => bufferOf(batch.view(row)).toString();
    case Type.Binary:
    case Type.LargeBinary:
    case Type.BinaryView:
    case Type.FixedSizeBinary:
      // A copy: a view would keep the whole batch in memory, and a Buffer's slice is one.
      return (row) => new Uint8Array(batch.value(row) as Uint8Array);
    default:
      return nestedOf(batch, type, modes);
  }
}

function nestedOf(batch: Raw, type: DataType, modes: ValueModes): Cell {
  switch (type.typeId) {
    case Type.List:
    case Type.LargeList:
    case Type.ListView:
    case Type.LargeListView:
    case Type.FixedSizeList:
      return listOf(child(batch, 0, modes), spanOf(batch, type));
    case Type.Map: {
      mapFields(type.children[0]);
      const entries = batch.children[0] as Raw;
      const key = child(entries, 0, modes);
      const value = child(entries, 1, modes);
      return listOf((row) => [key(row), value(row)], spanOf(batch, type));
    }
    case Type.Struct:
      return rowBuilder(
        type.children.map(({ name }) => name),
        type.children.map((_, at) => child(batch, at, modes)),
      ) as Cell;
    case Type.Union: {
      const cells = type.children.map((_, at) => child(batch, at, modes));
      const isDense = type.mode === UnionMode.Dense;
      return (row) => {
        const at = type.typeMap[batch.typeIds[row] as number] as number;
        return (cells[at] as Cell)(isDense ? Number(batch.offsets[row]) : row);
      };
    }
    case Type.Dictionary:
      return dictionaryOf(batch, modes);
    case Type.RunEndEncoded: {
      const ends = (batch.children[0] as Raw).values;
      const value = child(batch, 1, modes);
      return (row) => value(firstAbove(ends, row));
    }
    default:
      return () => null;
  }
}

function child(batch: Raw, at: number, modes: ValueModes): Cell {
  return cellOf(batch.children[at] as Raw, modes);
}

function wideOf(values: Raw['values'], modes: ValueModes): Cell {
  return modes.int64 === 'number'
    ? (row) => safeNumber(values[row] as bigint)
    : (row) => values[row] as bigint;
}

function decimalOf(batch: Raw, scale: number, modes: ValueModes): Cell {
  const text = (row: number): string => decimalText(BigInt(batch.value(row) as number | bigint), scale);
  // By way of the text, so that the number is the nearest one.
  return modes.decimal === 'number' ? (row) => Number(text(row)) : text;
}

function intervalOf(values: Raw['values'], unit: number): Cell {
  const { buffer, byteOffset, byteLength } = values;
  const view = new DataView(buffer, byteOffset, byteLength);
  if (unit === IntervalUnit.YEAR_MONTH)
    return (row) => ({ months: view.getInt32(row * 4, true), days: 0, nanoseconds: 0n });
  if (unit === IntervalUnit.DAY_TIME)
    return (row) => ({
      months: 0,
      days: view.getInt32(row * 8, true),
      nanoseconds: BigInt(view.getInt32(row * 8 + 4, true)) * 1_000_000n,
    });
  return (row) => ({
    months: view.getInt32(row * 16, true),
    days: view.getInt32(row * 16 + 4, true),
    nanoseconds: view.getBigInt64(row * 16 + 8, true),
  });
}

/**
 * Texts are mostly read in order, and mostly ASCII: a window of them is decoded at once and cut up, which takes a quarter
 * of the time. A long text keeps its window in memory, 64 KiB, for as long as it lives.
 */
function textOf(values: Raw['values'], offsets: Raw['offsets']): Cell {
  const bytes = bufferOf(values);
  let window = '';
  let from = 0;
  let to = 0;
  let last = Number(offsets[0] ?? 0);
  let isPlain: boolean | undefined;
  return (row) => {
    const begin = Number(offsets[row]);
    const end = Number(offsets[row + 1]);
    const isNext = begin === last;
    last = end;
    if (begin < from || end > to) {
      isPlain ??= isAscii(bytes);
      if (!isPlain || !isNext) return bytes.toString('utf8', begin, end);
      from = begin;
      to = Math.max(end, Math.min(begin + windowBytes, bytes.length));
      window = bytes.toString('latin1', from, to);
    }
    return window.slice(begin - from, end - from);
  };
}

/** Each word is made once; only text is shared, because others could be changed by whoever gets them. */
function dictionaryOf(batch: Raw, modes: ValueModes): Cell {
  const { data, offsets } = batch.dictionary;
  const cells = data.map((part) => cellOf(part, modes));
  const read = (key: number): SqlValue => {
    const part = cells.length === 1 ? 0 : firstAbove(offsets, key) - 1;
    return (cells[part] as Cell)(key - (offsets[part] as number));
  };
  const words: (string | undefined)[] = [];
  return (row) => {
    const key = Number(batch.values[row]);
    const word = words[key];
    if (word !== undefined) return word;
    const value = read(key);
    if (typeof value === 'string') words[key] = value;
    return value;
  };
}

function listOf(item: Cell, span: (row: number) => readonly [number, number]): Cell {
  return (row) => {
    const [from, to] = span(row);
    return Array.from({ length: to - from }, (_, at) => item(from + at));
  };
}

function spanOf({ offsets, sizes }: Raw, type: DataType): (row: number) => readonly [number, number] {
  switch (type.typeId) {
    case Type.FixedSizeList:
      return (row) => [row * type.stride, (row + 1) * type.stride];
    case Type.ListView:
    case Type.LargeListView:
      return (row) => [Number(offsets[row]), Number(offsets[row]) + Number(sizes[row])];
    default:
      return (row) => [Number(offsets[row]), Number(offsets[row + 1])];
  }
}

/** The first place whose item is above `value`. Cost: O(log n). */
function firstAbove(items: ArrayLike<number | bigint>, value: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Number(items[middle]) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function bufferOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
