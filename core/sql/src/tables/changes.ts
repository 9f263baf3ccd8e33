/** Changes that are calls instead of SQL: tables by their columns, rows by their keys. */
import {
  binary,
  bool,
  type DataType,
  dateDay,
  decimal,
  type Field,
  field,
  float32,
  float64,
  int8,
  int16,
  int32,
  int64,
  TimeUnit,
  timestamp,
  utf8,
} from '@uwdata/flechette';
import {
  type AppendColumns,
  type ColumnType,
  requireObject,
  shown,
  unwrap,
  VarveError,
} from '@varve/interfaces';
import { checkColumns, sendColumns, streamIn } from '../append.js';
import { encodeColumns } from '../arrow/encode.js';
import type { NativeDatabase, NativeTables, NativeTransaction } from '../native-face.js';

/** Where a change is made. */
export interface Place {
  readonly transaction?: NativeTransaction;
}

const types: Readonly<Record<ColumnType & string, () => DataType>> = {
  boolean: bool,
  int8,
  int16,
  int32,
  int64,
  float32,
  float64,
  text: utf8,
  binary,
  date: dateDay,
  timestamp: () => timestamp(TimeUnit.NANOSECOND),
};

/** The columns of a new table as an IPC stream without rows. @throws VarveError ARGUMENT_INVALID */
export function tableColumns(
  columns: Readonly<Record<string, ColumnType>>,
  primaryKey: readonly string[],
): Uint8Array {
  requireObject(columns, 'the columns of a table');
  const fields: Field[] = Object.entries(columns).map(([name, type]) =>
    field(name, typeOf(name, type), !primaryKey.includes(name)),
  );
  const none = Object.fromEntries(fields.map(({ name }) => [name, []]));
  return encodeColumns(fields, none, { from: 0, to: 0 });
}

function typeOf(name: string, type: unknown): DataType {
  if (typeof type === 'string' && Object.hasOwn(types, type))
    return (types[type as keyof typeof types] as () => DataType)();
  const digits: unknown =
    typeof type === 'object' && type !== null ? Reflect.get(type, 'decimal') : undefined;
  if (Array.isArray(digits)) {
    const [precision, scale] = digits as readonly unknown[];
    const isDecimal = isWithin(precision, 1, 38) && isWithin(scale, 0, Number(precision));
    if (isDecimal) return decimal(precision, scale, 128);
  }
  throw new VarveError('ARGUMENT_INVALID', {
    message: `column ${shown(name)} has no type ${shown(type)}`,
    hint: `there are ${Object.keys(types).join(', ')} and { decimal: [precision, scale] }`,
  });
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

/** Hands rows that replace others, or keys whose rows go, to the engine in one call. @returns how many rows */
export async function changeRows(
  verb: 'put' | 'deleteKeys',
  natives: { readonly tables: NativeTables; readonly native: NativeDatabase },
  table: string,
  data: Uint8Array | AppendColumns,
  place: Place,
): Promise<number> {
  const send = async (ipc: Uint8Array): Promise<number> =>
    unwrap(await natives.tables[verb](table, ipc, place));
  if (data instanceof Uint8Array) return send(streamIn(data));
  requireObject(data, verb === 'put' ? 'what is put' : 'what is deleted');
  const checked = await checkColumns(natives.native, table, data, place);
  return checked.rowCount === 0 ? 0 : sendColumns(checked, send);
}
