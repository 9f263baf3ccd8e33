/** Arrow's types as the contract names them. How a type is encoded (dictionary, view, run ends) is nobody's concern. */

import { type DataType, type Field, Type } from '@uwdata/flechette';
import type { SqlField, SqlTimeUnit, SqlType } from '@varve/interfaces';

/** The fields of a schema. */
export function sqlFields(fields: readonly Field[]): SqlField[] {
  return fields.map(({ name, type, nullable }) => ({ name, type: sqlType(type), nullable }));
}

/** A type as the contract names it. */
export function sqlType(type: DataType): SqlType {
  switch (type.typeId) {
    case Type.Bool:
      return { kind: 'boolean' };
    case Type.Int:
      return { kind: 'integer', bits: type.bitWidth, signed: type.signed };
    case Type.Float:
      return { kind: 'float', bits: floatBits[type.precision] };
    case Type.Decimal:
      return { kind: 'decimal', precision: type.precision, scale: type.scale };
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Utf8View:
      return { kind: 'text' };
    case Type.Binary:
    case Type.LargeBinary:
    case Type.BinaryView:
    case Type.FixedSizeBinary:
      return { kind: 'binary' };
    case Type.Date:
      return { kind: 'date' };
    case Type.Time:
      return { kind: 'time', unit: timeUnits[type.unit] };
    case Type.Duration:
      return { kind: 'duration', unit: timeUnits[type.unit] };
    case Type.Timestamp: {
      const unit = timeUnits[type.unit];
      return type.timezone ? { kind: 'timestamp', unit, zone: type.timezone } : { kind: 'timestamp', unit };
    }
    case Type.Interval:
      return { kind: 'interval' };
    case Type.List:
    case Type.LargeList:
    case Type.ListView:
    case Type.LargeListView:
    case Type.FixedSizeList:
      return { kind: 'list', item: sqlField(type.children[0]) };
    case Type.Struct:
      return { kind: 'struct', fields: sqlFields(type.children) };
    case Type.Union:
      return { kind: 'union', fields: sqlFields(type.children) };
    case Type.Map: {
      const [key, value] = mapFields(type.children[0]);
      return { kind: 'map', key: sqlField(key), value: sqlField(value) };
    }
    case Type.Dictionary:
      return sqlType(type.dictionary);
    case Type.RunEndEncoded:
      return sqlType(type.children[1].type);
    default:
      return { kind: 'null' };
  }
}

/** Key and value of a map's entries. */
export function mapFields(entries: Field): [key: Field, value: Field] {
  const { type } = entries;
  const [key, value] = type.typeId === Type.Struct ? type.children : [];
  if (key === undefined || value === undefined) throw new TypeError('the entries of a map are not pairs');
  return [key, value];
}

const floatBits = [16, 32, 64] as const;
const timeUnits: readonly [SqlTimeUnit, SqlTimeUnit, SqlTimeUnit, SqlTimeUnit] = [
  'second',
  'millisecond',
  'microsecond',
  'nanosecond',
];

function sqlField({ name, type, nullable }: Field): SqlField {
  return { name, type: sqlType(type), nullable };
}
