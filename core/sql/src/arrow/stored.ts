/** JavaScript values as the integers, texts and bytes that a column stores. Each reader refuses what would be lost. */
import { type DataType, DateUnit, IntervalUnit, Type } from '@uwdata/flechette';
import { type ErrorCode, shown, VarveError } from '@varve/interfaces';
import { countOf, dayCount, decimalDigits, timeCount } from './scalars.js';
import { mapFields } from './sql-types.js';

/** Turns a value that is not null into what is stored. @throws VarveError SQL_TYPE, SQL_VALUE */
export type Stored = (value: unknown, row: number) => unknown;

/** How the values of a column are stored. @param name of the column, for messages */
export function storedOf(type: DataType, name: string): Stored {
  const refuse = (code: ErrorCode, wanted: string, hint = ''): Stored => {
    return (value, row) => {
      throw new VarveError(code, {
        message: `row ${row} of column ${JSON.stringify(name)}: ${shownValue(value)} is not ${wanted}`,
        hint,
      });
    };
  };
  return storedIn(type, name, refuse);
}

type Refuse = (code: ErrorCode, wanted: string, hint?: string) => Stored;

function storedIn(type: DataType, name: string, refuse: Refuse): Stored {
  switch (type.typeId) {
    case Type.Null:
      return refuse('SQL_TYPE', 'null');
    case Type.Bool:
      return only((value) => typeof value === 'boolean', refuse('SQL_TYPE', 'a boolean'));
    case Type.Int:
      return integer(type.bitWidth, type.signed, refuse);
    case Type.Float: {
      const bad = refuse('SQL_TYPE', 'a number');
      return (value, row) =>
        typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : bad(value, row);
    }
    case Type.Decimal:
      return decimal(type, refuse);
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Utf8View:
      return only((value) => typeof value === 'string', refuse('SQL_TYPE', 'text'));
    case Type.Binary:
    case Type.LargeBinary:
    case Type.BinaryView:
      return only((value) => value instanceof Uint8Array, refuse('SQL_TYPE', 'a Uint8Array'));
    case Type.FixedSizeBinary: {
      const bad = refuse('SQL_TYPE', `a Uint8Array of ${type.stride} bytes`);
      return only((value) => value instanceof Uint8Array && value.length === type.stride, bad);
    }
    case Type.Date: {
      const bad = refuse('SQL_TYPE', 'a date', 'pass a Date, or text such as 2026-11-30');
      return (value, row) => {
        const days = dayCount(value);
        if (days === undefined) return bad(value, row);
        return type.unit === DateUnit.DAY ? days : BigInt(days) * 86_400_000n;
      };
    }
    case Type.Time: {
      const bad = refuse('SQL_TYPE', 'a time of day', 'pass text such as 09:30:00');
      return (value, row) => {
        const count = typeof value === 'string' ? timeCount(value, type.unit) : undefined;
        if (count === undefined) return bad(value, row);
        return type.bitWidth === 32 ? Number(count) : count;
      };
    }
    case Type.Timestamp:
      return timestamp(type.unit, refuse);
    case Type.Duration:
      return integer(64, true, refuse);
    case Type.Interval:
      return interval(type.unit, refuse);
    default:
      return nested(type, name, refuse);
  }
}

function nested(type: DataType, name: string, refuse: Refuse): Stored {
  const inner = (part: DataType): Stored => {
    const stored = storedIn(part, name, refuse);
    return (value, row) => (value === null || value === undefined ? null : stored(value, row));
  };
  switch (type.typeId) {
    case Type.List:
    case Type.LargeList:
    case Type.FixedSizeList: {
      const item = inner(type.children[0].type);
      const length = type.typeId === Type.FixedSizeList ? type.stride : undefined;
      const bad = refuse('SQL_TYPE', length === undefined ? 'an array' : `an array of ${length}`);
      return (value, row) => {
        if (!isList(value) || (length !== undefined && value.length !== length)) return bad(value, row);
        return Array.from(value, (part) => item(part, row));
      };
    }
    case Type.Struct: {
      const parts = type.children.map((part) => [part.name, inner(part.type)] as const);
      const bad = refuse('SQL_TYPE', 'an object');
      return (value, row) => {
        if (typeof value !== 'object' || value === null || isList(value)) return bad(value, row);
        const own = parts.map(([part, stored]) => [
          part,
          stored(Object.hasOwn(value, part) ? Reflect.get(value, part) : null, row),
        ]);
        return Object.fromEntries(own) as unknown;
      };
    }
    case Type.Map: {
      const [key, value] = mapFields(type.children[0]).map((part) => inner(part.type)) as [Stored, Stored];
      const bad = refuse('SQL_TYPE', 'an array of [key, value], or a Map');
      return (given, row) => {
        const pairs: unknown = given instanceof Map ? [...given] : given;
        if (!Array.isArray(pairs)) return bad(given, row);
        return pairs.map((pair: unknown) =>
          Array.isArray(pair) && pair.length === 2
            ? [key(pair[0], row), value(pair[1], row)]
            : bad(given, row),
        );
      };
    }
    default:
      return refuse('SQL_TYPE', 'of a type that can be appended as values', 'append it as Arrow IPC');
  }
}

function integer(bits: number, isSigned: boolean, refuse: Refuse): Stored {
  const low = isSigned ? -(2n ** BigInt(bits - 1)) : 0n;
  const high = 2n ** BigInt(isSigned ? bits - 1 : bits) - 1n;
  const badType = refuse('SQL_TYPE', 'an integer');
  const badValue = refuse('SQL_VALUE', `in ${low}..${high}`);
  const [lowNumber, highNumber] = [Number(low), Number(high)];
  return (value, row) => {
    if (typeof value === 'number') {
      if (!Number.isInteger(value)) return badType(value, row);
      if (!Number.isSafeInteger(value) || value < lowNumber || value > highNumber)
        return badValue(value, row);
      return bits === 64 ? BigInt(value) : value;
    }
    if (typeof value !== 'bigint') return badType(value, row);
    if (value < low || value > high) return badValue(value, row);
    return bits === 64 ? value : Number(value);
  };
}

function decimal({ precision, scale }: { precision: number; scale: number }, refuse: Refuse): Stored {
  const limit = 10n ** BigInt(precision);
  const badType = refuse('SQL_TYPE', 'a decimal', 'pass text such as 12.50, a number or a bigint');
  const badValue = refuse('SQL_VALUE', `a decimal of ${precision} digits, ${scale} of them behind the point`);
  return (value, row) => {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint')
      return badType(value, row);
    const digits = decimalDigits(String(value), scale);
    if (digits === undefined) return badType(value, row);
    return digits < limit && digits > -limit ? digits : badValue(value, row);
  };
}

function timestamp(unit: number, refuse: Refuse): Stored {
  const bad = refuse('SQL_TYPE', 'a timestamp', 'pass a Date, or a bigint of the unit of the column');
  const outside = refuse('SQL_VALUE', 'a timestamp that 64 bits can count');
  return (value, row) => {
    if (value instanceof Date && Number.isNaN(value.getTime())) return bad(value, row);
    const count = value instanceof Date ? countOf(value.getTime(), unit) : value;
    if (typeof count !== 'bigint') return bad(value, row);
    return BigInt.asIntN(64, count) === count ? count : outside(value, row);
  };
}

function interval(unit: number, refuse: Refuse): Stored {
  const bad = refuse('SQL_TYPE', 'an interval', 'pass {months, days, nanoseconds}');
  return (value, row) => {
    if (typeof value !== 'object' || value === null) return bad(value, row);
    const { months = 0, days = 0, nanoseconds = 0n } = value as Record<string, unknown>;
    const isWhole = Number.isInteger(months) && Number.isInteger(days);
    if (!isWhole || typeof nanoseconds !== 'bigint') return bad(value, row);
    if (unit === IntervalUnit.MONTH_DAY_NANO) return [months, days, nanoseconds];
    if (unit === IntervalUnit.YEAR_MONTH) return days === 0 && nanoseconds === 0n ? months : bad(value, row);
    return months === 0 && nanoseconds % 1_000_000n === 0n
      ? [days, Number(nanoseconds / 1_000_000n)]
      : bad(value, row);
  };
}

function only(isGood: (value: unknown) => boolean, bad: Stored): Stored {
  return (value, row) => (isGood(value) ? value : bad(value, row));
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function shownValue(value: unknown): string {
  return value instanceof Date ? String(value) : shown(value);
}
