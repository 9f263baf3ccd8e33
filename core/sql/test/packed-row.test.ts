/** Packed rows and keys: what is written is read again, in any mode, at any number of columns. */
import * as arrow from '@uwdata/flechette';
import { forSeeds } from '@varve/conformance';
import type { ValueModes } from '@varve/interfaces';
import { describe, expect, it } from 'vitest';
import { encodeColumns } from '../src/arrow/encode.js';
import { createPackedBuffer, keyWriter, rowReader } from '../src/point/packed-row.js';

const { field } = arrow;

/** A type, a value, a mode, and what is read when that is something else. */
const cells: readonly (readonly [arrow.DataType, unknown, ValueModes?, unknown?])[] = [
  [arrow.bool(), true],
  [arrow.bool(), false],
  [arrow.int8(), -128],
  [arrow.uint32(), 2 ** 32 - 1],
  [arrow.int64(), -(2n ** 63n)],
  [arrow.uint64(), 2n ** 64n - 1n],
  [arrow.int64(), -5, { int64: 'number' }, -5],
  [arrow.float32(), 0.5],
  [arrow.float64(), -0],
  [arrow.decimal128(38, 3), '-12345678901234567890.125'],
  [arrow.decimal256(76, 1), '9'.repeat(70) + '.5'],
  [arrow.decimal128(10, 1), '0.1', { decimal: 'number' }, 0.1],
  [arrow.utf8(), '日本語 🦀\uFEFF'],
  [arrow.utf8(), ''],
  [arrow.utf8View(), 'a view'],
  [arrow.binaryView(), Uint8Array.of(1)],
  [arrow.binary(), Uint8Array.of(0, 255)],
  [arrow.dateDay(), new Date('1969-12-31T00:00:00Z')],
  [arrow.dateMillisecond(), new Date('2026-11-30T00:00:00Z')],
  [arrow.timeMicrosecond(), '09:30:00.000001'],
  [arrow.timestamp(arrow.TimeUnit.NANOSECOND), new Date(-1)],
  [arrow.timestamp(arrow.TimeUnit.NANOSECOND), -1n, { timestamp: 'bigint' }],
  [arrow.duration(arrow.TimeUnit.SECOND), 7n],
];

describe('one column', () => {
  it.each(cells.map((cell) => ({ cell })))('%#', ({ cell: [type, value, modes = {}, expected = value] }) => {
    const buffer = createPackedBuffer(512);
    const fields = [field('c', type)];
    keyWriter(fields)([value], buffer);
    expect(rowReader(fields, modes)(buffer, 0)).toEqual({ c: expected });
  });

  it('of a nested type lies there as Arrow', () => {
    const type = arrow.list(arrow.struct({ a: arrow.int64() }));
    const stream = encodeColumns([field('c', type)], { c: [[{ a: 1n }, null]] }, { from: 0, to: 1 });
    const buffer = createPackedBuffer(4_096);
    keyWriter([field('c', arrow.binary())])([stream], buffer);
    expect(rowReader([field('c', type)], {})(buffer, 0)).toEqual({ c: [{ a: 1n }, null] });
  });
});

describe('many columns', () => {
  it('come back in random shapes, nulls among them', () =>
    forSeeds(200, async (random) => {
      const chosen = Array.from({ length: 1 + random.below(140) }, () =>
        random.pick(cells.filter(([, , modes]) => modes === undefined)),
      );
      const fields = chosen.map(([type], at) => field(at === 3 ? '__proto__' : `c${at}`, type));
      const buffer = createPackedBuffer(64 << 10);
      keyWriter(fields)(
        chosen.map(([, value]) => value),
        buffer,
      );
      const isNull = chosen.map(() => random.oneIn(4));
      for (const [at, missing] of isNull.entries())
        if (missing) buffer.bytes[at >> 3] = (buffer.bytes[at >> 3] ?? 0) | (1 << (at & 7));
      const row = rowReader(fields, {})(buffer, 0);
      expect(Object.values(row)).toEqual(chosen.map(([, value], at) => (isNull[at] ? null : value)));
      expect(Object.keys(row)).toEqual(fields.map(({ name }) => name));
    }));

  it('of a key that is too long, or null, are refused', () => {
    const write = keyWriter([field('a', arrow.utf8()), field('b', arrow.binary())]);
    const buffer = createPackedBuffer(64);
    const refusals: readonly (readonly [readonly unknown[], string])[] = [
      [['x'.repeat(64), Uint8Array.of()], 'KEY_TOO_LARGE'],
      [['', new Uint8Array(64)], 'KEY_TOO_LARGE'],
      [[null, Uint8Array.of()], 'SQL_TYPE'],
    ];
    for (const [values, code] of refusals)
      expect(() => write(values, buffer)).toThrow(expect.objectContaining({ code }));
  });
});
