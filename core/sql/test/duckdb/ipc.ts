/** Arrow IPC for DuckDB, which has none here. */
import type { Field } from '@uwdata/flechette';
import { columnOf } from '../../src/arrow/columns.js';
import { encodeColumns } from '../../src/arrow/encode.js';
import { decodeSchema, IpcDecoder, schemaBytes } from '../../src/arrow/ipc.js';
import { literal } from './values.js';

/** The schema message of these fields. */
export function schemaOf(fields: readonly Field[]): Uint8Array {
  const columns = Object.fromEntries(fields.map(({ name }) => [name, []]));
  const stream = encodeColumns(fields, columns, { from: 0, to: 0 });
  return stream.slice(0, schemaBytes(stream));
}

/** The INSERT that stands for an IPC stream; undefined when it is none. */
export function insertOf(
  table: string,
  ipc: Uint8Array,
): { readonly sql: string; readonly rows: number } | undefined {
  try {
    const begin = schemaBytes(ipc);
    const fields = decodeSchema(ipc.slice(0, begin));
    const { table: decoded } = new IpcDecoder(ipc.slice(0, begin)).decode(ipc.slice(begin));
    const columns = decoded.children.map((column) => columnOf(column as never, { timestamp: 'bigint' }));
    const rows = decoded.numRows;
    const tuples = Array.from({ length: rows }, (_, row) => {
      const cells = fields.map(({ type }, at) => literal((columns[at] as unknown[])[row], type));
      return `(${cells.join(', ')})`;
    });
    const names = fields.map(({ name }) => `"${name}"`).join(', ');
    return { sql: `INSERT INTO ${table} (${names}) VALUES ${tuples.join(', ')}`, rows };
  } catch {
    return undefined;
  }
}
