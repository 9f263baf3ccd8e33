/** Values and types of DuckDB as ours: types of Arrow, JavaScript values, parameters, literals. */
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  LIST,
  SQLNULL,
  TIMESTAMP,
  UBIGINT,
  VARCHAR,
} from '@duckdb/node-api';
import * as arrow from '@uwdata/flechette';
import type { NativeList, NativeParam, NativeParams } from '@varve/sql';

/** DuckDB's package drops a byte order mark from texts, so another character carries it. */
const mark = '\uFEFF';
const standIn = '\uE000';

/** The type of Arrow for a column of DuckDB. */
export function arrowType(type: DuckDBType): arrow.DataType {
  switch (type.typeId) {
    case DuckDBTypeId.SQLNULL:
      return arrow.nullType();
    case DuckDBTypeId.BOOLEAN:
      return arrow.bool();
    case DuckDBTypeId.TINYINT:
      return arrow.int8();
    case DuckDBTypeId.SMALLINT:
      return arrow.int16();
    case DuckDBTypeId.INTEGER:
      return arrow.int32();
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.HUGEINT:
      return arrow.int64();
    case DuckDBTypeId.UBIGINT:
      return arrow.uint64();
    case DuckDBTypeId.FLOAT:
      return arrow.float32();
    case DuckDBTypeId.DOUBLE:
      return arrow.float64();
    case DuckDBTypeId.DECIMAL:
      return arrow.decimal128(type.width, type.scale);
    case DuckDBTypeId.BLOB:
      return arrow.binary();
    case DuckDBTypeId.DATE:
      return arrow.dateDay();
    case DuckDBTypeId.TIME:
      return arrow.timeMicrosecond();
    case DuckDBTypeId.TIMESTAMP:
      return arrow.timestamp(arrow.TimeUnit.MICROSECOND);
    case DuckDBTypeId.INTERVAL:
      return arrow.interval(arrow.IntervalUnit.MONTH_DAY_NANO);
    case DuckDBTypeId.LIST:
      return arrow.list(arrowType(type.valueType));
    case DuckDBTypeId.STRUCT:
      return arrow.struct(
        type.entryNames.map((name, at) => arrow.field(name, arrowType(type.entryTypes[at] as DuckDBType))),
      );
    case DuckDBTypeId.MAP:
      return arrow.map(arrowType(type.keyType), arrowType(type.valueType));
    default:
      return arrow.utf8();
  }
}

/** A value as columns to append may have it. */
export function jsValue(value: DuckDBValue): unknown {
  if (value instanceof DuckDBDecimalValue || value instanceof DuckDBTimeValue) return value.toString();
  if (value instanceof DuckDBBlobValue) return Uint8Array.from(value.bytes);
  if (value instanceof DuckDBDateValue) return new Date(value.days * 86_400_000);
  if (value instanceof DuckDBTimestampValue) return value.micros;
  if (value instanceof DuckDBIntervalValue)
    return { months: value.months, days: value.days, nanoseconds: value.micros * 1000n };
  if (value instanceof DuckDBListValue) return value.items.map(jsValue);
  if (value instanceof DuckDBStructValue)
    return Object.fromEntries(Object.entries(value.entries).map(([name, part]) => [name, jsValue(part)]));
  if (value instanceof DuckDBMapValue)
    return value.entries.map(({ key, value: part }) => [jsValue(key), jsValue(part)]);
  return typeof value === 'string' ? value.replaceAll(standIn, mark) : value;
}

function boundParam(param: NativeParam): [DuckDBValue, DuckDBType] {
  if (param === null) return [null, SQLNULL];
  if (typeof param === 'boolean') return [param, BOOLEAN];
  if (typeof param === 'string') return [param.replaceAll(mark, standIn), VARCHAR];
  if (typeof param === 'bigint') return [param, param >= 2n ** 63n ? UBIGINT : BIGINT];
  if (typeof param === 'number') return Number.isInteger(param) ? [BigInt(param), BIGINT] : [param, DOUBLE];
  if (param instanceof Uint8Array) return [new DuckDBBlobValue(param), BLOB];
  return [new DuckDBTimestampValue(param.micros), TIMESTAMP];
}

/** A list has the type of its values; of a double among them, theirs. */
function boundArgument(argument: NativeParam | NativeList): [DuckDBValue, DuckDBType] {
  if (!isList(argument)) return boundParam(argument);
  const items = argument.map(boundParam);
  const types = items.map(([, type]) => type).filter((type) => type !== SQLNULL);
  const of = types.includes(DOUBLE) ? DOUBLE : (types[0] ?? SQLNULL);
  const value = (item: DuckDBValue): DuckDBValue => (of === DOUBLE && item !== null ? Number(item) : item);
  return [new DuckDBListValue(items.map(([item]) => value(item))), LIST(of)];
}

function isList(argument: NativeParam | NativeList): argument is NativeList {
  return Array.isArray(argument);
}

/** Parameters with their types, as DuckDB takes them. */
export function bound({ values, names }: NativeParams): [never, never] {
  const pairs = values.map(boundArgument);
  if (names === undefined) return [pairs.map(([value]) => value), pairs.map(([, type]) => type)] as never;
  const byName = (part: 0 | 1): unknown =>
    Object.fromEntries(names.map((name, at) => [name, pairs[at]?.[part]]));
  return [byName(0), byName(1)] as never;
}

/** A value as SQL writes it. @param value as it is read with timestamps as bigints of microseconds */
export function literal(value: unknown, type: arrow.DataType): string {
  if (value === null || value === undefined) return 'NULL';
  switch (type.typeId) {
    case arrow.Type.Timestamp:
      return `make_timestamp(${micros(value as bigint, type.unit)})`;
    case arrow.Type.Date:
      return `DATE '${(value as Date).toISOString().slice(0, 10)}'`;
    case arrow.Type.Time:
      return `TIME '${value as string}'`;
    case arrow.Type.List: {
      const [item] = type.children;
      return `[${(value as unknown[]).map((part) => literal(part, item.type)).join(', ')}]`;
    }
    default:
      if (value instanceof Uint8Array)
        return `'\\x${[...value].map(hexByte).join('\\x')}'::BLOB`.replace("'\\x'", "''");
      if (typeof value === 'string') return quoted(value);
      return typeof value === 'number'
        ? quoted(Object.is(value, -0) ? '-0' : String(value))
        : String(value as bigint | boolean);
  }
}

/** The units of a timestamp as microseconds. */
function micros(count: bigint, unit: number): bigint {
  return unit === 3 ? count / 1000n : count * ([1_000_000n, 1000n, 1n][unit] ?? 1n);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''").replaceAll(mark, standIn)}'`;
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
