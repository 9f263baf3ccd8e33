/** Every type of Arrow, from JavaScript values to bytes and back, in every mode; apache-arrow reads the same bytes. */
import {
  binaryView,
  bool,
  type DataType,
  dateDay,
  dateMillisecond,
  decimal32,
  decimal64,
  decimal128,
  decimal256,
  dictionary,
  duration,
  type Field,
  field,
  fixedSizeBinary,
  fixedSizeList,
  float16,
  float32,
  float64,
  IntervalUnit,
  int8,
  int16,
  int32,
  int64,
  interval,
  largeBinary,
  largeList,
  largeUtf8,
  list,
  map,
  nullType,
  struct,
  TimeUnit,
  tableFromArrays,
  tableToIPC,
  timeMicrosecond,
  timeMillisecond,
  timeNanosecond,
  timeSecond,
  timestamp,
  uint8,
  uint16,
  uint32,
  uint64,
  utf8,
  utf8View,
} from '@uwdata/flechette';
import { type ValueModes, VarveError } from '@varve/interfaces';
import { tableFromIPC as readByApache } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { columnOf } from '../src/arrow/columns.js';
import { encodeColumns } from '../src/arrow/encode.js';
import { decodeSchema, IpcDecoder, schemaBytes } from '../src/arrow/ipc.js';
import { sqlType } from '../src/arrow/sql-types.js';

const bytes = (...items: number[]): Uint8Array => Uint8Array.from(items);
const day = (text: string): Date => new Date(`${text}T00:00:00Z`);

/** A type, and values that come back as they went in. */
const roundTrips: readonly (readonly [string, DataType, readonly unknown[]])[] = [
  ['null', nullType(), [null, null]],
  ['boolean', bool(), [true, false, null, true]],
  ['int8', int8(), [-128, 127, 0, null]],
  ['int16', int16(), [-32_768, 32_767]],
  ['int32', int32(), [-(2 ** 31), 2 ** 31 - 1, null]],
  ['int64', int64(), [-(2n ** 63n), 2n ** 63n - 1n, 0n, null]],
  ['uint8', uint8(), [0, 255]],
  ['uint16', uint16(), [0, 65_535]],
  ['uint32', uint32(), [0, 2 ** 32 - 1]],
  ['uint64', uint64(), [0n, 2n ** 64n - 1n]],
  ['float16', float16(), [0, 1.5, -2, 65_504]],
  ['float32', float32(), [0.5, -0, Number.POSITIVE_INFINITY, Number.NaN, null]],
  ['float64', float64(), [0.1, -0, 5e-324, Number.MAX_VALUE, Number.NaN]],
  ['decimal32', decimal32(9, 2), ['-1.50', '9999999.99', '0.00', null]],
  ['decimal64', decimal64(18, 4), ['-12345678901234.5678', '0.0001']],
  ['decimal128', decimal128(38, 10), ['-1234567890123456789012345678.0123456789', '0.0000000001', null]],
  ['decimal128 of scale 0', decimal128(38, 0), ['99999999999999999999999999999999999999', '-1']],
  ['decimal256', decimal256(76, 20), [`-${'9'.repeat(56)}.${'1'.repeat(20)}`, `0.${'0'.repeat(20)}`]],
  ['text', utf8(), ['', 'plain', '日本語 🦀', '\uFEFFwith a mark', 'a\0b', null]],
  ['large text', largeUtf8(), ['x', null, 'y']],
  ['binary', binaryView(), [bytes(), bytes(0, 255), null]],
  ['large binary', largeBinary(), [bytes(1, 2, 3)]],
  ['fixed binary', fixedSizeBinary(2), [bytes(1, 2), null, bytes(3, 4)]],
  ['date of days', dateDay(), [day('1970-01-01'), day('1969-12-31'), day('2026-11-30'), null]],
  ['date of milliseconds', dateMillisecond(), [day('1900-02-28'), day('2100-01-01')]],
  ['time of seconds', timeSecond(), ['00:00:00', '23:59:59', null]],
  ['time of milliseconds', timeMillisecond(), ['09:30:00.123']],
  ['time of microseconds', timeMicrosecond(), ['09:30:00.000001', '23:59:59.999999']],
  ['time of nanoseconds', timeNanosecond(), ['00:00:00.000000001']],
  ...[TimeUnit.MILLISECOND, TimeUnit.MICROSECOND, TimeUnit.NANOSECOND].map(
    (unit) =>
      [
        `timestamp of unit ${unit}`,
        timestamp(unit),
        [new Date(0), new Date(-1), new Date('2026-11-30T12:34:56.789Z'), null],
      ] as const,
  ),
  ['timestamp of seconds', timestamp(TimeUnit.SECOND, 'UTC'), [new Date('1901-01-01T00:00:01Z')]],
  ['duration', duration(TimeUnit.NANOSECOND), [-1n, 2n ** 62n, null]],
  [
    'interval',
    interval(IntervalUnit.MONTH_DAY_NANO),
    [{ months: -1, days: 3, nanoseconds: 2n ** 60n + 1n }, null],
  ],
  ['interval of days', interval(IntervalUnit.DAY_TIME), [{ months: 0, days: 3, nanoseconds: -5_000_000n }]],
  ['interval of months', interval(IntervalUnit.YEAR_MONTH), [{ months: 14, days: 0, nanoseconds: 0n }]],
  ['list', list(int64()), [[1n, null, 3n], [], null, [4n]]],
  ['large list', largeList(utf8()), [['a', ''], [null]]],
  ['fixed list', fixedSizeList(timestamp(TimeUnit.NANOSECOND), 2), [[new Date(5), null]]],
  [
    'struct',
    struct([field('n', int64()), field('when', timestamp(TimeUnit.MICROSECOND)), field('__proto__', utf8())]),
    [JSON.parse('{"n": null, "when": null, "__proto__": "own"}'), null],
  ],
  [
    'list of structs of lists',
    list(struct({ cost: decimal128(10, 2), tags: list(utf8()) })),
    [[{ cost: '1.25', tags: ['a', null] }, null], null],
  ],
  [
    'map',
    map(utf8(), dateDay()),
    [
      [
        ['a', day('2026-01-01')],
        ['b', null],
      ],
      [],
      null,
    ],
  ],
  ['dictionary', dictionary(utf8()), ['x', 'y', 'x', null]],
  ['text view', utf8View(), ['short', 'longer than twelve bytes', null]],
];

function roundTrip(type: DataType, values: readonly unknown[], modes: ValueModes = {}): unknown[] {
  const encoded = encodeColumns([field('c', type)], { c: values as [] }, { from: 0, to: values.length });
  const [schema, batches] = split(encoded);
  expect(sqlType((decodeSchema(schema)[0] as Field).type)).toEqual(sqlType(type));
  expect(readByApache(encoded).numRows).toBe(values.length);
  const { children } = new IpcDecoder(schema).decode(batches).table;
  return Array.from(columnOf(children[0] as never, modes) as unknown[]);
}

/** The schema message of a stream, and the rest. */
function split(stream: Uint8Array): [schema: Uint8Array, batches: Uint8Array] {
  const length = schemaBytes(stream);
  return [stream.slice(0, length), stream.slice(length)];
}

describe('values come back as they went in', () => {
  it.each(roundTrips)('%s', (_, type, values) => {
    expect(roundTrip(type, values)).toEqual(values);
    // Without nulls the readers are others.
    const present = values.filter((value) => value !== null);
    expect(roundTrip(type, present)).toEqual(present);
  });
});

/** A type, a mode, what goes in, and what comes out. */
const inModes: readonly (readonly [string, DataType, ValueModes, readonly unknown[], readonly unknown[]])[] =
  [
    ['int64 as numbers', int64(), { int64: 'number' }, [1n, -(2n ** 53n) + 1n], [1, -(2 ** 53) + 1]],
    ['int64 with nulls as numbers', int64(), { int64: 'number' }, [1, null], [1, null]],
    ['int64 in lists', list(int64()), { int64: 'number' }, [[1n]], [[1]]],
    ['durations', duration(TimeUnit.SECOND), { int64: 'number' }, [7n], [7]],
    ['decimals as numbers', decimal128(38, 2), { decimal: 'number' }, ['0.10', '-1234.56'], [0.1, -1234.56]],
    [
      'decimals from numbers',
      decimal128(10, 2),
      {},
      [0.1 + 0.2, 2.005, -1.005, 1e3, 7n],
      ['0.30', '2.01', '-1.01', '1000.00', '7.00'],
    ],
    [
      'decimals are rounded away from zero',
      decimal128(10, 1),
      {},
      ['0.25', '-0.25', '1e-5'],
      ['0.3', '-0.3', '0.0'],
    ],
    ['timestamps as bigints', timestamp(TimeUnit.NANOSECOND), { timestamp: 'bigint' }, [-1n, 5n], [-1n, 5n]],
    [
      'what is finer than Date goes to the past',
      timestamp(TimeUnit.NANOSECOND),
      {},
      [-1n, 1_999_999n],
      [new Date(-1), new Date(1)],
    ],
    [
      'dates from text and in mid-day',
      dateDay(),
      {},
      ['2026-11-30', new Date('2026-11-30T23:59Z')],
      [day('2026-11-30'), day('2026-11-30')],
    ],
    ['short times', timeSecond(), {}, ['9:05'], ['09:05:00']],
    ['maps from maps', map(utf8(), int32()), {}, [new Map([['a', 1]])], [[['a', 1]]]],
    ['lists from typed arrays', list(float64()), {}, [Float64Array.of(1, 2)], [[1, 2]]],
    ['halves of a pair do not join', utf8(), {}, ['a\uD83E', '\uDD80b', 'é'], ['a\uFFFD', '\uFFFDb', 'é']],
    [
      'large and small texts',
      largeUtf8(),
      {},
      ['é', null, 'x'.repeat(70_000)],
      ['é', null, 'x'.repeat(70_000)],
    ],
    [
      'microseconds near a millisecond',
      timestamp(TimeUnit.MICROSECOND),
      {},
      [4_503_599_627_369_999n, -4_503_599_627_369_999n, 2n ** 62n + 999n],
      [new Date(4_503_599_627_369), new Date(-4_503_599_627_370), new Date(4_611_686_018_427_388)],
    ],
    ['undefined is null', utf8(), {}, [undefined, 'a'], [null, 'a']],
    ['floats from bigints', float64(), {}, [3n], [3]],
  ];

describe('modes and kind input', () => {
  it.each(inModes)('%s', (_, type, modes, values, expected) => {
    expect(roundTrip(type, values, modes)).toEqual(expected);
  });
});

/** A type, a value that it refuses, and the code. */
const refusals: readonly (readonly [string, DataType, unknown, string])[] = [
  ['text for an integer', int32(), '1', 'SQL_TYPE'],
  ['a fraction for an integer', int64(), 1.5, 'SQL_TYPE'],
  ['an unsafe integer', int64(), 2 ** 53, 'SQL_VALUE'],
  ['an integer out of range', int8(), 128, 'SQL_VALUE'],
  ['a bigint out of range', uint64(), -1n, 'SQL_VALUE'],
  ['a number for text', utf8(), 1, 'SQL_TYPE'],
  ['a number for a boolean', bool(), 1, 'SQL_TYPE'],
  ['words for a decimal', decimal128(10, 2), 'ten', 'SQL_TYPE'],
  ['no digits for a decimal', decimal128(10, 2), '.', 'SQL_TYPE'],
  ['not a number for a decimal', decimal128(10, 2), Number.NaN, 'SQL_TYPE'],
  ['too many digits', decimal128(4, 2), '100', 'SQL_VALUE'],
  ['an invalid date', timestamp(TimeUnit.MICROSECOND), new Date(Number.NaN), 'SQL_TYPE'],
  ['milliseconds for a timestamp', timestamp(TimeUnit.MICROSECOND), 5, 'SQL_TYPE'],
  ['a timestamp beyond nanoseconds', timestamp(TimeUnit.NANOSECOND), new Date('9999-01-01'), 'SQL_VALUE'],
  ['an hour too many', timeSecond(), '24:00:00', 'SQL_TYPE'],
  ['a day that is none', dateDay(), '2026-13-01', 'SQL_TYPE'],
  ['bytes of another length', fixedSizeBinary(2), bytes(1), 'SQL_TYPE'],
  ['text for bytes', largeBinary(), 'a', 'SQL_TYPE'],
  ['text for a list', list(utf8()), 'a', 'SQL_TYPE'],
  ['a wrong item', list(int32()), [1, 'b'], 'SQL_TYPE'],
  ['a list of another length', fixedSizeList(int8(), 2), [1], 'SQL_TYPE'],
  ['a list for a struct', struct({ a: int8() }), [1], 'SQL_TYPE'],
  ['a list of no pairs for a map', map(utf8(), int8()), [['a']], 'SQL_TYPE'],
  ['a value for null', nullType(), 1, 'SQL_TYPE'],
  ['half a month', interval(IntervalUnit.MONTH_DAY_NANO), { months: 0.5 }, 'SQL_TYPE'],
];

describe('what a column refuses', () => {
  it.each(refusals)('%s', (_, type, value, code) => {
    expect(() => roundTrip(type, [null, value])).toThrow(
      expect.objectContaining({
        name: 'VarveError',
        code,
        message: expect.stringContaining('row 1 of column "c"'),
      }),
    );
  });

  it('an integer of 64 bits as an inexact number', () => {
    expect(() => roundTrip(int64(), [2n ** 53n], { int64: 'number' })).toThrow(
      expect.objectContaining({ code: 'SQL_VALUE' }),
    );
  });
});

describe('messages', () => {
  it('of no rows hold the columns of every builder', () => {
    const types = [int64(), utf8(), float64(), bool(), list(int8()), dateDay()];
    const fields = types.map((type, at) => field(`c${at}`, type));
    const columns = { c0: [], c1: [], c2: new Float64Array(), c3: [], c4: [], c5: [] };
    const [schema, batches] = split(encodeColumns(fields, columns, { from: 0, to: 0 }));
    expect(decodeSchema(schema)).toHaveLength(types.length);
    expect(new IpcDecoder(schema).decode(batches).table.numRows).toBe(0);
  });

  it('keeps dictionaries for later batches', () => {
    const words = ['a', 'b', 'a', null, 'b', 'b'];
    const table = tableFromArrays({ c: words }, {
      types: { c: dictionary(utf8()) },
      maxBatchRows: 2,
    } as never);
    const [schema, rest] = split(tableToIPC(table, { format: 'stream' }) as Uint8Array);
    const decoder = new IpcDecoder(schema);
    const found = messages(rest).flatMap((message) => {
      const [column] = decoder.decode(message).table.children;
      return column === undefined || column.length === 0
        ? []
        : [...(columnOf(column as never, {}) as string[])];
    });
    expect(found).toEqual(words);
  });

  it('views numbers without a copy, whatever the place of the bytes', () => {
    const encoded = encodeColumns([field('c', int64())], { c: BigInt64Array.of(1n, 2n) }, { from: 0, to: 2 });
    const [schema, batches] = split(encoded);
    const column = columnOf(new IpcDecoder(schema).decode(batches).table.children[0] as never, {});
    expect(column).toEqual(BigInt64Array.of(1n, 2n));
    expect((column as BigInt64Array).buffer).toBe(batches.buffer);
    const shifted = new Uint8Array(batches.length + 1);
    shifted.set(batches, 1);
    expect(
      columnOf(new IpcDecoder(schema).decode(shifted.subarray(1)).table.children[0] as never, {}),
    ).toEqual(column);
  });

  it('answers messages that are cut short with a code, and never with half a column', () => {
    const [schema, batches] = split(
      encodeColumns([field('c', utf8())], { c: ['a', 'bb'] }, { from: 0, to: 2 }),
    );
    for (let length = 8; length < batches.length - 8; length += 1) {
      try {
        const table = new IpcDecoder(schema).decode(batches.slice(0, length)).table;
        expect(table.numRows, `${length} bytes`).toBe(0);
      } catch (error) {
        expect(error, `${length} bytes`).toBeInstanceOf(VarveError);
      }
    }
  });
});

/** The encapsulated messages in bytes. */
function messages(stream: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  let at = 0;
  while (at + 8 <= stream.length && view.getInt32(at + 4, true) > 0) {
    const start = at;
    const root = at + 8 + view.getInt32(at + 8, true);
    const vtable = root - view.getInt32(root, true);
    const place = view.getUint16(vtable, true) > 10 ? view.getUint16(vtable + 10, true) : 0;
    at += 8 + view.getInt32(at + 4, true) + (place === 0 ? 0 : Number(view.getBigInt64(root + place, true)));
    found.push(stream.slice(start, at));
  }
  return found;
}
