/**
 * One row, or one key, packed so that JavaScript reads it without decoding Arrow.
 *
 * All little endian, for n columns, from a place that is a multiple of 8:
 * 1. ceil(n / 8) bytes: bit i % 8 of byte floor(i / 8) is set when column i is null; then zeros up to a multiple of 8;
 * 2. n slots of 8 bytes:
 *    - boolean: 0 or 1; integer: 64 bits, sign extended; float of any width: a double;
 *    - date: days, or milliseconds where the type counts those; time, timestamp, duration: the count of their unit;
 *    - everything else: where its bytes begin, from the start of the buffer (uint32), and how many there are (uint32);
 * 3. those bytes: UTF-8 text, binary, decimals as two's complement of 16 or 32 bytes, and of any other type a whole IPC
 *    stream of one column with one row.
 *
 * A slot of a null column is not read. Measured on four columns, one of them text: 0.64 us to read a row and 0.16 us to
 * write a key of one integer, against 98 us to decode the same row as IPC.
 */
import { type DataType, DateUnit, type Field, Type, tableFromIPC } from '@uwdata/flechette';
import { type SqlRow, type SqlValue, type ValueModes, VarveError } from '@varve/interfaces';
import { cellOf, rawOptions } from '../arrow/cells.js';
import { distinctNames, named } from '../arrow/rows.js';
import { decimalText, millisecondsOf, safeNumber, timeText } from '../arrow/scalars.js';
import { storedOf } from '../arrow/stored.js';

/** A buffer with the views that slots are read and written through. */
export interface PackedBuffer {
  readonly bytes: Buffer;
  readonly doubles: Float64Array;
  readonly integers: BigInt64Array;
  readonly halves: Uint32Array;
}

/** Creates a buffer. @param byteCount a multiple of 8 */
export function createPackedBuffer(byteCount: number): PackedBuffer {
  return packedBuffer(Buffer.from(new ArrayBuffer(byteCount)));
}

/** Views of bytes that are there already. @param bytes begin at a multiple of 8, and are one themselves */
export function packedBuffer(bytes: Buffer): PackedBuffer {
  const { buffer, byteOffset, length } = bytes;
  return {
    bytes,
    doubles: new Float64Array(buffer, byteOffset, length / 8),
    integers: new BigInt64Array(buffer, byteOffset, length / 8),
    halves: new Uint32Array(buffer, byteOffset, length / 4),
  };
}

/** Reads rows that lie one after another: their number and where each begins, as uint32; then the rows, each at a multiple of 8. */
export function readPackedRows(all: PackedBuffer, read: RowReader): SqlRow[] {
  const { halves } = all;
  const rows: SqlRow[] = [];
  for (let at = 1; at <= (halves[0] as number); at += 1) rows.push(read(all, (halves[at] as number) / 8));
  return rows;
}

/** Whether values are read alike in both. */
export function sameModes(one: ValueModes, other: ValueModes): boolean {
  return (
    one === other ||
    (one.int64 === other.int64 && one.decimal === other.decimal && one.timestamp === other.timestamp)
  );
}

/** Reads a packed row. @param begin where it begins, in units of 8 bytes */
export type RowReader = (buffer: PackedBuffer, begin: number) => SqlRow;

/** A reader of rows of these columns. Cost of a read: some 50 ns per column, more for text and bigints. */
export function rowReader(fields: readonly Field[], modes: ValueModes): RowReader {
  const names = distinctNames(fields.map(({ name }) => name));
  const slots = fields.map(({ type }) => slotReader(type, modes));
  const first = slotsBegin(fields.length) / 8;
  const cell = (buffer: PackedBuffer, begin: number, at: number): SqlValue => {
    const isNull = ((buffer.bytes[begin * 8 + (at >> 3)] as number) >> (at & 7)) & 1;
    return isNull === 1 ? null : (slots[at] as SlotReader)(buffer, begin + first + at);
  };
  // Assigning to __proto__ would set the prototype.
  if (names.includes('__proto__')) return (buffer, begin) => named(names, (at) => cell(buffer, begin, at));
  return (buffer, begin) => {
    const row: Record<string, SqlValue> = {};
    for (let at = 0; at < slots.length; at += 1) row[names[at] as string] = cell(buffer, begin, at);
    return row;
  };
}

/** Packs a key. @returns its bytes in the buffer @throws VarveError SQL_TYPE, SQL_VALUE, KEY_TOO_LARGE */
export type KeyWriter = (values: readonly unknown[], buffer: PackedBuffer) => number;

/** A writer of keys of these columns. */
export function keyWriter(fields: readonly Field[]): KeyWriter {
  const writers = fields.map(({ name, type }) => slotWriter(type, name));
  const begin = slotsBegin(fields.length);
  const first = begin / 8;
  return (values, buffer) => {
    // No key has nulls; a call of `fill` takes longer than to write one.
    for (let at = 0; at < first; at += 1) buffer.doubles[at] = 0;
    let end = begin + 8 * writers.length;
    for (let at = 0; at < writers.length; at += 1)
      end = (writers[at] as SlotWriter)(values[at], buffer, first + at, end);
    return end;
  };
}

function slotsBegin(columnCount: number): number {
  return Math.ceil(columnCount / 64) * 8;
}

type SlotReader = (buffer: PackedBuffer, slot: number) => SqlValue;

function slotReader(type: DataType, modes: ValueModes): SlotReader {
  switch (type.typeId) {
    case Type.Bool:
      return ({ halves }, slot) => halves[slot * 2] === 1;
    case Type.Int:
      if (type.bitWidth === 64) return wideReader(type.signed, modes);
      return type.signed
        ? ({ halves }, slot) => (halves[slot * 2] as number) | 0
        : ({ halves }, slot) => halves[slot * 2] as number;
    case Type.Duration:
      return wideReader(true, modes);
    case Type.Float:
      return ({ doubles }, slot) => doubles[slot] as number;
    case Type.Date:
      return type.unit === DateUnit.DAY
        ? ({ halves }, slot) => new Date(((halves[slot * 2] as number) | 0) * 86_400_000)
        : ({ integers }, slot) => new Date(Number(integers[slot]));
    case Type.Time:
      return ({ integers }, slot) => timeText(integers[slot] as bigint, type.unit);
    case Type.Timestamp:
      return modes.timestamp === 'bigint'
        ? ({ integers }, slot) => integers[slot] as bigint
        : ({ integers }, slot) => new Date(millisecondsOf(integers[slot] as bigint, type.unit));
    default:
      return bytesReader(type, modes);
  }
}

function wideReader(isSigned: boolean, modes: ValueModes): SlotReader {
  const read = isSigned
    ? ({ integers }: PackedBuffer, slot: number): bigint => integers[slot] as bigint
    : ({ integers }: PackedBuffer, slot: number): bigint => BigInt.asUintN(64, integers[slot] as bigint);
  return modes.int64 === 'number' ? (buffer, slot) => safeNumber(read(buffer, slot)) : read;
}

function bytesReader(type: DataType, modes: ValueModes): SlotReader {
  const from = ({ halves }: PackedBuffer, slot: number): number => halves[slot * 2] as number;
  const to = ({ halves }: PackedBuffer, slot: number): number =>
    (halves[slot * 2] as number) + (halves[slot * 2 + 1] as number);
  switch (type.typeId) {
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Utf8View:
      return (buffer, slot) => buffer.bytes.toString('utf8', from(buffer, slot), to(buffer, slot));
    case Type.Binary:
    case Type.LargeBinary:
    case Type.BinaryView:
    case Type.FixedSizeBinary:
      return (buffer, slot) => copied(buffer, from(buffer, slot), to(buffer, slot));
    case Type.Decimal: {
      const text = (buffer: PackedBuffer, slot: number): string =>
        decimalText(wholeNumber(buffer.bytes, from(buffer, slot), to(buffer, slot)), type.scale);
      return modes.decimal === 'number' ? (buffer, slot) => Number(text(buffer, slot)) : text;
    }
    default:
      return (buffer, slot) => {
        const stream = copied(buffer, from(buffer, slot), to(buffer, slot));
        const batch = tableFromIPC(stream, rawOptions).children[0]?.data[0];
        return batch === undefined ? null : cellOf(batch, modes)(0);
      };
  }
}

/** Bytes of their own; slicing a Buffer would give another Buffer. */
function copied({ bytes }: PackedBuffer, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.subarray(from, to));
}

/** A two's complement integer of a multiple of 8 bytes. */
function wholeNumber(bytes: Buffer, from: number, to: number): bigint {
  let whole = bytes.readBigInt64LE(to - 8);
  for (let at = to - 16; at >= from; at -= 8) whole = (whole << 64n) | bytes.readBigUInt64LE(at);
  return whole;
}

/** Writes one value; `end` is where its bytes may go. @returns where the next ones may */
type SlotWriter = (value: unknown, buffer: PackedBuffer, slot: number, end: number) => number;

function slotWriter(type: DataType, name: string): SlotWriter {
  const stored = storedOf(type, name);
  const present = (value: unknown): unknown => {
    if (value !== null && value !== undefined) return stored(value, 0);
    throw new VarveError('SQL_TYPE', { message: `the key's column ${JSON.stringify(name)} cannot be null` });
  };
  switch (type.typeId) {
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Utf8View:
      return (value, buffer, slot, end) => {
        const text = present(value) as string;
        // Three bytes are what a UTF-16 unit can need.
        if (end + 3 * text.length > buffer.bytes.length) throw tooLarge(name);
        return placed(buffer, slot, end, buffer.bytes.write(text, end, 'utf8'));
      };
    case Type.Binary:
    case Type.LargeBinary:
    case Type.BinaryView:
    case Type.FixedSizeBinary:
      return (value, buffer, slot, end) => {
        const bytes = present(value) as Uint8Array;
        if (end + bytes.length > buffer.bytes.length) throw tooLarge(name);
        buffer.bytes.set(bytes, end);
        return placed(buffer, slot, end, bytes.length);
      };
    case Type.Decimal:
      return (value, buffer, slot, end) => {
        const byteCount = type.bitWidth === 256 ? 32 : 16;
        let digits = present(value) as bigint;
        for (let at = 0; at < byteCount; at += 8, digits >>= 64n)
          buffer.bytes.writeBigUInt64LE(BigInt.asUintN(64, digits), end + at);
        return placed(buffer, slot, end, byteCount);
      };
    case Type.Float:
      return (value, { doubles }, slot, end) => {
        doubles[slot] = present(value) as number;
        return end;
      };
    default:
      return (value, { integers }, slot, end) => {
        integers[slot] = BigInt(present(value) as bigint | number | boolean);
        return end;
      };
  }
}

function placed({ halves }: PackedBuffer, slot: number, at: number, byteCount: number): number {
  halves[slot * 2] = at;
  halves[slot * 2 + 1] = byteCount;
  return at + byteCount;
}

function tooLarge(name: string): VarveError {
  return new VarveError('KEY_TOO_LARGE', {
    message: `the key's column ${JSON.stringify(name)} is too long for a point read`,
    hint: 'ask for it with a query',
  });
}
