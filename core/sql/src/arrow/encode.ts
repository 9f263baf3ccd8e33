/**
 * Columns of JavaScript values as Arrow IPC, in the types of the table that they go to.
 *
 * Dictionaries, views and run ends are written plainly: the engine has its own encodings. Values are turned into the
 * stored integers here and written as such, because Flechette's builders go by way of doubles.
 */
import {
  binary,
  type Column,
  columnFromArray,
  type DataType,
  DateUnit,
  Endianness,
  type Field,
  field,
  fixedSizeList,
  int32,
  int64,
  largeList,
  list,
  map,
  struct,
  Table,
  Type,
  tableToIPC,
  utf8,
  Version,
} from '@uwdata/flechette';
import { type AppendColumns, VarveError } from '@varve/interfaces';
import { builtColumn } from './built-column.js';
import type { BytesSink } from './bytes-sink.js';
import { isWrittenInPlace, numberColumn } from './number-column.js';
import { mapFields } from './sql-types.js';
import { storedOf } from './stored.js';
import { textColumn } from './text-column.js';

/** A range of rows of columns. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Writes rows of columns as an IPC stream.
 *
 * @param fields of the table, of those columns that `columns` has
 * @param sink takes the stream, which is then its memory
 * @throws VarveError SQL_TYPE, SQL_VALUE
 */
export function encodeColumns(
  fields: readonly Field[],
  columns: AppendColumns,
  rows: RowRange,
  sink?: BytesSink,
): Uint8Array {
  const plain = fields.map((given) => ({ ...given, type: plainType(given.type) }));
  const built = plain.map((given) => encodeColumn(given, columns[given.name] ?? [], rows));
  const schema = { version: Version.V5, endianness: Endianness.Little, fields: plain, metadata: null };
  const options = { format: 'stream', ...(sink === undefined ? {} : { sink }) } as const;
  const bytes = tableToIPC(new Table(schema, built), options);
  if (bytes === null) throw new TypeError('the encoder kept the bytes to itself');
  return bytes;
}

function encodeColumn(
  { name, type }: Field,
  values: ArrayLike<unknown>,
  { from, to }: RowRange,
): Column<unknown> {
  const stored = storedType(type);
  if (ArrayBuffer.isView(values) && isStored(stored, values)) {
    const part = values.subarray(from, to);
    return builtColumn(stored, {
      length: part.length,
      nullCount: 0,
      validity: new Uint8Array(0),
      values: part,
    });
  }
  const valueOf = storedOf(type, name);
  if (isWrittenInPlace(type)) return numberColumn(stored, values, { from, to }, valueOf);
  const part: unknown[] = [];
  for (let row = from; row < to; row += 1) {
    const value = values[row];
    part.push(value === null || value === undefined ? null : valueOf(value, row));
  }
  if (stored.typeId === Type.Utf8) return textColumn(stored, part as (string | null)[]);
  return columnFromArray(part, stored);
}

type Numbers = Int32Array;

/** A typed array that holds the stored numbers already. */
function isStored(type: DataType, values: ArrayBufferView): values is Numbers {
  const isPlain = type.typeId === Type.Int || (type.typeId === Type.Float && type.precision > 0);
  return isPlain && (values as object).constructor === type.values;
}

/** The type without an encoding of its own. */
function plainType(type: DataType): DataType {
  switch (type.typeId) {
    case Type.Dictionary:
      return plainType(type.dictionary);
    case Type.RunEndEncoded:
      return plainType(type.children[1].type);
    default:
      return renewed(type, plainType, { text: utf8, bytes: binary });
  }
}

/** The type whose builder takes the stored integers as they are. */
function storedType(type: DataType): DataType {
  switch (type.typeId) {
    case Type.Timestamp:
    case Type.Duration:
      return int64();
    case Type.Date:
      return type.unit === DateUnit.DAY ? int32() : int64();
    case Type.Time:
      return type.bitWidth === 32 ? int32() : int64();
    default:
      return renewed(type, storedType, {});
  }
}

/** A type with its children changed. @param views what stands for views of text and bytes */
function renewed(
  type: DataType,
  change: (type: DataType) => DataType,
  views: { readonly text?: () => DataType; readonly bytes?: () => DataType },
): DataType {
  const renew = (given: Field): Field =>
    field(given.name, change(given.type), given.nullable, given.metadata);
  switch (type.typeId) {
    case Type.Utf8View:
      return views.text?.() ?? type;
    case Type.BinaryView:
      return views.bytes?.() ?? type;
    case Type.List:
    case Type.ListView:
      return list(renew(type.children[0]));
    case Type.LargeList:
    case Type.LargeListView:
      return largeList(renew(type.children[0]));
    case Type.FixedSizeList:
      return fixedSizeList(renew(type.children[0] as Field), type.stride);
    case Type.Struct:
      return struct(type.children.map(renew));
    case Type.Map: {
      const [key, value] = mapFields(type.children[0]);
      return map(renew(key), renew(value), type.keysSorted);
    }
    case Type.Union:
      throw new VarveError('SQL_TYPE', {
        message: 'a column of a union type cannot be appended as values',
        hint: 'append it as Arrow IPC',
      });
    default:
      return type;
  }
}
