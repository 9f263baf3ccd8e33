/** Point reads over a copy of the rows in memory: DuckDB has no call that does not wait. */
import type { Failed } from '@varve/interfaces';
import type { NativePointReader, NativeTable } from '@varve/sql';
import { decodeSchema } from '../../src/arrow/ipc.js';
import { sqlType } from '../../src/arrow/sql-types.js';
import { createPackedBuffer, keyWriter } from '../../src/point/packed-row.js';

interface Mirrored {
  readonly table: NativeTable;
  readonly rows: readonly (readonly unknown[])[];
}

/** A value that packs, in the place of a null one. */
const placeholders: Readonly<Record<string, unknown>> = {
  boolean: false,
  integer: 0,
  float: 0,
  decimal: 0,
  text: '',
  binary: new Uint8Array(),
  date: new Date(0),
  time: '00:00',
  timestamp: 0n,
};

export class MirrorReader implements NativePointReader {
  readonly columns: Uint8Array;
  readonly primaryKey: readonly number[];
  readonly #read: () => Mirrored | undefined;
  readonly #key: Uint8Array;
  #row: Uint8Array;

  constructor(read: () => Mirrored | undefined, key: Uint8Array, row: Uint8Array) {
    const table = read()?.table;
    this.columns = table?.columns ?? new Uint8Array();
    this.primaryKey = table?.primaryKey ?? [];
    this.#read = read;
    this.#key = key;
    this.#row = row;
  }

  get(keyBytes: number): number {
    const mirrored = this.#read();
    if (mirrored === undefined) return -3;
    const { table, rows } = mirrored;
    if (Buffer.compare(table.columns, this.columns) !== 0) return -3;
    const wanted = Buffer.from(this.#key.subarray(0, keyBytes)).toString('hex');
    const found = rows.find((row) => packed(table, this.primaryKey, row).toString('hex') === wanted);
    if (found === undefined) return -1;
    const bytes = packed(table, [...found.keys()], found);
    if (bytes.length <= this.#row.length) this.#row.set(bytes);
    return bytes.length;
  }

  setRow(row: Uint8Array): void {
    this.#row = row;
  }

  takeFailure(): Failed {
    return { failure: { code: 'ENGINE_DEFECT', message: 'nothing failed', hint: '' } };
  }
}

function packed(table: NativeTable, places: readonly number[], row: readonly unknown[]): Buffer {
  const all = decodeSchema(table.columns);
  const fields = places.flatMap((at) => all[at] ?? []);
  const buffer = createPackedBuffer(64 << 10);
  const values = places.map(
    (at, place) => row[at] ?? placeholders[sqlType(fields[place]?.type as never).kind],
  );
  const end = keyWriter(fields)(values, buffer);
  for (const [place, at] of places.entries())
    if (row[at] === null)
      buffer.bytes[place >> 3] = (buffer.bytes[place >> 3] as number) | (1 << (place & 7));
  return Buffer.from(buffer.bytes.subarray(0, end));
}
