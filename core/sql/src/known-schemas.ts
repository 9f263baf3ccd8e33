/**
 * Schemas of answers, decoded once: a statement that runs again answers with the same one, and decoding it costs some 20 us.
 *
 * Invariant: what is kept is frozen, for many results hold it.
 */
import type { Field } from '@uwdata/flechette';
import type { SqlField, SqlRow, ValueModes } from '@varve/interfaces';
import { aligned, decodeSchema } from './arrow/ipc.js';
import { distinctNames } from './arrow/rows.js';
import { sqlFields } from './arrow/sql-types.js';
import type { NativePiece } from './native-face.js';
import { bytesOf, latin1Of, pooledBytesOf } from './pieces.js';
import { packedBuffer, type RowReader, readPackedRows, rowReader, sameModes } from './point/packed-row.js';

/** So many schemas are kept. */
const schemasMax = 64;

/** What a schema message says. */
export class KnownSchema {
  readonly message: Uint8Array;
  readonly arrowFields: readonly Field[];
  readonly fields: readonly SqlField[];
  /** Distinct ones, as rows have them. */
  readonly names: readonly string[];
  #reader: { readonly modes: ValueModes; readonly read: RowReader } | undefined;

  /** @throws VarveError FILE_MALFORMED */
  constructor(message: Uint8Array) {
    this.message = aligned(message);
    this.arrowFields = decodeSchema(this.message);
    this.fields = Object.freeze(sqlFields(this.arrowFields).map((field) => frozen(field)));
    this.names = Object.freeze(distinctNames(this.fields.map(({ name }) => name)));
  }

  /** The rows of a small answer, packed as `NativeHead` says. */
  rows(packed: NativePiece, modes: ValueModes): SqlRow[] {
    if (this.#reader === undefined || !sameModes(this.#reader.modes, modes))
      this.#reader = { modes, read: rowReader(this.arrowFields, modes) };
    return readPackedRows(packedBuffer(pooledBytesOf(packed)), this.#reader.read);
  }
}

/** The schemas that one database answered with last. */
export class KnownSchemas {
  readonly #schemas = new Map<string, KnownSchema>();

  /** @throws VarveError FILE_MALFORMED */
  of(message: NativePiece): KnownSchema {
    const key = latin1Of(message);
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const schema = new KnownSchema(bytesOf(message));
    if (this.#schemas.size >= schemasMax) this.#schemas.clear();
    this.#schemas.set(key, schema);
    return schema;
  }
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
