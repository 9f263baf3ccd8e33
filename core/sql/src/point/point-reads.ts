/** Synchronous reads of single rows by primary key, bound per table on first use. */
import { type SqlRow, unwrap, type ValueModes, VarveError } from '@varve/interfaces';
import { decodeSchema } from '../arrow/ipc.js';
import type { NativeDatabase, NativePointReader } from '../native-face.js';
import { readModes } from '../options.js';
import {
  createPackedBuffer,
  type KeyWriter,
  keyWriter,
  type PackedBuffer,
  type RowReader,
  rowReader,
  sameModes,
} from './packed-row.js';

const missing = -1;
const failed = -2;
const altered = -3;
const keyBytesMax = 64 << 10;
const rowBytesFirst = 4 << 10;

/** The point reads of one database. */
export class PointReads {
  readonly #database: NativeDatabase;
  readonly #modes: ValueModes;
  readonly #tables = new Map<string, TableReads>();

  constructor(database: NativeDatabase, modes: ValueModes) {
    this.#database = database;
    this.#modes = modes;
  }

  /** See `SqlEngine.get`. */
  get(table: string, key: unknown, options: ValueModes | undefined): SqlRow | undefined {
    const modes = options === undefined ? this.#modes : readModes(options, this.#modes);
    const bound = this.#tables.get(table) ?? this.#bind(table);
    const row = bound.get(key, modes);
    if (row !== altered) return row;
    const again = this.#bind(table).get(key, modes);
    if (again !== altered) return again;
    throw new VarveError('TRANSACTION_CONFLICT', {
      message: `the table ${table} was altered while a row was read`,
      hint: 'read again',
    });
  }

  #bind(table: string): TableReads {
    const bound = new TableReads(this.#database, table);
    this.#tables.set(table, bound);
    return bound;
  }
}

class TableReads {
  readonly #table: string;
  readonly #native: NativePointReader;
  readonly #key: PackedBuffer = createPackedBuffer(keyBytesMax);
  #row: PackedBuffer = createPackedBuffer(rowBytesFirst);
  readonly #writeKey: KeyWriter;
  readonly #keyNames: readonly string[];
  readonly #fields: ReturnType<typeof decodeSchema>;
  #readRow: RowReader | undefined;
  #readModes: ValueModes | undefined;

  constructor(database: NativeDatabase, table: string) {
    this.#table = table;
    this.#native = unwrap(database.pointReader(table, this.#key.bytes, this.#row.bytes));
    this.#fields = decodeSchema(this.#native.columns);
    const keyFields = this.#native.primaryKey.flatMap((at) => this.#fields[at] ?? []);
    this.#keyNames = keyFields.map(({ name }) => name);
    this.#writeKey = keyWriter(keyFields);
  }

  get(key: unknown, modes: ValueModes): SqlRow | undefined | typeof altered {
    const values: readonly unknown[] = Array.isArray(key) ? key : [key];
    if (values.length !== this.#keyNames.length) throw this.#wrongKey(values.length);
    const keyBytes = this.#writeKey(values, this.#key);
    let byteCount = this.#native.get(keyBytes);
    if (byteCount > this.#row.bytes.length) {
      this.#row = createPackedBuffer(2 ** Math.ceil(Math.log2(byteCount)));
      this.#native.setRow(this.#row.bytes);
      byteCount = this.#native.get(keyBytes);
    }
    if (byteCount >= 0) return this.#reader(modes)(this.#row, 0);
    if (byteCount === missing) return undefined;
    if (byteCount === failed) unwrap(this.#native.takeFailure());
    return altered;
  }

  /** The reader of the modes that were asked for last: few programs use two. */
  #reader(modes: ValueModes): RowReader {
    if (this.#readRow === undefined || this.#readModes === undefined || !sameModes(modes, this.#readModes)) {
      this.#readRow = rowReader(this.#fields, modes);
      this.#readModes = modes;
    }
    return this.#readRow;
  }

  #wrongKey(count: number): VarveError {
    const names = this.#keyNames.join(', ');
    return new VarveError('ARGUMENT_INVALID', {
      message: `${count} values are given for the primary key of ${this.#table}, which has ${this.#keyNames.length}`,
      hint: `give them in the order of the key: ${names}`,
    });
  }
}
