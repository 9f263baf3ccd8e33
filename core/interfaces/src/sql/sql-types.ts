/** The types of columns and values, as SQL answers and takes them. */

/** Unit of a time, timestamp or duration. */
export type SqlTimeUnit = 'second' | 'millisecond' | 'microsecond' | 'nanosecond';

/** The type of a column or of a part of one. How its values look in JavaScript follows from it and `ValueModes`. */
export type SqlType =
  | { readonly kind: 'null' | 'boolean' | 'text' | 'binary' | 'date' | 'interval' }
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'float'; readonly bits: 16 | 32 | 64 }
  /** `precision` digits, `scale` of them behind the point. */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'time' | 'duration'; readonly unit: SqlTimeUnit }
  /** An instant when `zone` is there, else a local date and time. */
  | { readonly kind: 'timestamp'; readonly unit: SqlTimeUnit; readonly zone?: string }
  | { readonly kind: 'list'; readonly item: SqlField }
  | { readonly kind: 'struct'; readonly fields: readonly SqlField[] }
  | { readonly kind: 'map'; readonly key: SqlField; readonly value: SqlField }
  /** One of several types per value. */
  | { readonly kind: 'union'; readonly fields: readonly SqlField[] };

/** A named column, or part of a nested one. */
export interface SqlField {
  readonly name: string;
  readonly type: SqlType;
  readonly nullable: boolean;
}

/** One value as programs give it. A number that is an integer counts as one. */
export type SqlScalar = null | boolean | number | bigint | string | Date | Uint8Array;

/** What a parameter may be: it never becomes part of the SQL text. An array of values of one type is a list. */
export type SqlParameter = SqlScalar | readonly SqlScalar[];

/** Values of `?` or `$1`, `$2`, … by position, or of `$name` by name. */
export type SqlParameters = readonly SqlParameter[] | Readonly<Record<string, SqlParameter>>;

/**
 * One value of a row.
 *
 * | type                     | value                                                                |
 * | ------------------------ | -------------------------------------------------------------------- |
 * | boolean, text            | boolean, string                                                      |
 * | integers to 32 bits      | number                                                               |
 * | integers of 64 bits      | bigint, or a checked number (`ValueModes.int64`)                     |
 * | floats                   | number                                                               |
 * | decimal                  | text such as `-1.50`, or a number (`ValueModes.decimal`)             |
 * | binary                   | Uint8Array of its own                                                |
 * | date                     | Date at midnight UTC                                                 |
 * | timestamp                | Date, or a bigint of its unit since the epoch (`ValueModes.timestamp`) |
 * | time                     | text such as `09:30:00.000001`                                       |
 * | duration                 | as an integer of 64 bits, of its unit                                |
 * | interval                 | `{months, days, nanoseconds}`                                        |
 * | list, struct, map, union | array, object, array of `[key, value]`, the value                    |
 */
export type SqlValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | readonly SqlValue[]
  | { readonly [field: string]: SqlValue };

/** A row, by the names of its columns; a name that comes again is `name_2`, `name_3`, …. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Values of a column. A typed array where the type has one and no value is null; it may be a view of shared bytes. */
export type SqlColumn =
  | readonly SqlValue[]
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** Columns by name. */
export type SqlColumns = Readonly<Record<string, SqlColumn>>;

/** How values that JavaScript has no lossless number for are given out. */
export interface ValueModes {
  /**
   * `bigint` by default. With `number`, a value beyond 2^53 - 1 fails with `SQL_VALUE` instead of being rounded.
   */
  readonly int64?: 'bigint' | 'number';
  /** `text` by default, which is exact. A `number` is the nearest double. */
  readonly decimal?: 'text' | 'number';
  /** `date` by default, which drops what is finer than a millisecond. A `bigint` counts the column's unit. */
  readonly timestamp?: 'date' | 'bigint';
}

/** The type of a column of a new table, where no SQL says it. `timestamp` is local, in nanoseconds, as SQL's TIMESTAMP is. */
export type ColumnType =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'text'
  | 'binary'
  | 'date'
  | 'timestamp'
  | { readonly decimal: readonly [precision: number, scale: number] };
