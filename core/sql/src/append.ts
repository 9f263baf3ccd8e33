/** Rows on their way into a table: Arrow as it is, columns encoded in pieces so that the event loop goes on. */
import { setImmediate } from 'node:timers/promises';
import type { Field } from '@uwdata/flechette';
import { type AppendColumns, type Failed, shown, unwrap, VarveError } from '@varve/interfaces';
import { BytesSink } from './arrow/bytes-sink.js';
import { encodeColumns } from './arrow/encode.js';
import { decodeSchema, endOfStream, schemaBytes } from './arrow/ipc.js';
import type { NativeAppender, NativeDatabase, NativeTransaction } from './native-face.js';

/** Hands one IPC stream to the engine. @returns its rows */
export type Send = (ipc: Uint8Array) => Promise<number>;

/** About 1 ms of encoding: a number that is stored as it lies costs some 10 ns, any other value some 150 ns. */
const pieceNs = 1_000_000;
const directNs = 10;
const valueNs = 150;
/** Small pieces go to the engine together, since each call costs both sides some 50 us. */
const sendBytes = 512 << 10;

/** The stream in the bytes of an IPC file, which its magic and a footer enclose; a stream as it is. */
export function streamIn(bytes: Uint8Array): Uint8Array {
  const isFile =
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 6)).toString() === 'ARROW1';
  return isFile ? bytes.subarray(8) : bytes;
}

/** Columns that were checked against a table. */
export interface CheckedColumns {
  readonly fields: readonly Field[];
  readonly columns: AppendColumns;
  readonly rowCount: number;
}

/** Checks names and lengths. @throws VarveError ARGUMENT_INVALID, SQL_NAME */
export async function checkColumns(
  database: NativeDatabase,
  table: string,
  columns: AppendColumns,
  options: { readonly transaction?: NativeTransaction },
): Promise<CheckedColumns> {
  const names = Object.keys(columns);
  const lengths = names.map((name) => lengthOf(name, columns[name]));
  const described = unwrap(await database.describe(table, options));
  if (described === null)
    throw new VarveError('SQL_NAME', {
      message: `there is no table ${shown(table)}`,
      hint: 'create it first',
    });
  const all = decodeSchema(described.columns);
  const unknown = names.find((name) => !all.some((field) => field.name === name));
  if (unknown !== undefined)
    throw new VarveError('SQL_NAME', {
      message: `the table ${table} has no column ${JSON.stringify(unknown)}`,
      hint: `it has ${all.map(({ name }) => name).join(', ')}`,
    });
  const rowCount = lengths[0] ?? 0;
  const odd = lengths.findIndex((length) => length !== rowCount);
  if (odd !== -1)
    throw invalid(`column ${names[odd]} has ${lengths[odd]} values, and column ${names[0]} has ${rowCount}`);
  return { fields: all.filter(({ name }) => Object.hasOwn(columns, name)), columns, rowCount };
}

/** Whether all of it goes to the engine in one call. */
export function isOnePiece({ fields, columns, rowCount }: CheckedColumns): boolean {
  return rowCount <= pieceRows(fields, columns);
}

/** Encodes columns and sends them in one call. @returns how many rows */
export function sendColumns({ fields, columns, rowCount }: CheckedColumns, send: Send): Promise<number> {
  return send(encodeColumns(fields, columns, { from: 0, to: rowCount }));
}

/** Encodes and hands over columns piece by piece. The next one is encoded while the engine takes the last. @returns how many rows */
export async function pushColumns(checked: CheckedColumns, appender: NativeAppender): Promise<number> {
  let taken: Promise<undefined | Failed> = Promise.resolve(undefined);
  try {
    for await (const stream of streamsOf(checked)) {
      unwrap(await taken);
      taken = appender.push(stream);
    }
    unwrap(await taken);
  } catch (error) {
    await taken;
    // What failed first is what the caller must hear of.
    await appender.cancel();
    throw error;
  }
  return unwrap(await appender.finish());
}

/** Streams of at least some hundred kilobytes, made piece by piece. Each is good until the next one is asked for. */
async function* streamsOf({ fields, columns, rowCount }: CheckedColumns): AsyncGenerator<Uint8Array> {
  const step = pieceRows(fields, columns);
  const [piece, stream] = [takeSink(), takeSink()];
  try {
    for (let from = 0; from < rowCount; from += step) {
      piece.clear();
      const whole = encodeColumns(fields, columns, { from, to: Math.min(from + step, rowCount) }, piece);
      const isLast = from + step >= rowCount;
      if (stream.length === 0 && (isLast || whole.length >= sendBytes)) {
        yield whole;
      } else {
        const begin = stream.length === 0 ? 0 : schemaBytes(whole);
        stream.write(whole.subarray(begin, whole.length - endOfStream.length));
        if (isLast || stream.length >= sendBytes) {
          stream.write(endOfStream);
          yield stream.written;
          stream.clear();
        }
      }
      // After each piece the loop has its turn.
      if (!isLast) await setImmediate();
    }
  } finally {
    giveBack(piece);
    giveBack(stream);
  }
}

/** Sinks that no append has: of the two of one that is over, the next one makes use. */
const idleSinks: BytesSink[] = [];
const idleSinksMax = 4;
const idleBytesMax = 4 << 20;

function takeSink(): BytesSink {
  return idleSinks.pop() ?? new BytesSink(2 * sendBytes);
}

function giveBack(sink: BytesSink): void {
  sink.clear();
  if (idleSinks.length < idleSinksMax && sink.capacity <= idleBytesMax) idleSinks.push(sink);
}

function pieceRows(fields: readonly Field[], columns: AppendColumns): number {
  const rowNs = fields.reduce(
    (sum, { name }) => sum + (ArrayBuffer.isView(columns[name]) ? directNs : valueNs),
    0,
  );
  return Math.max(256, Math.floor(pieceNs / Math.max(rowNs, 1)));
}

function lengthOf(name: string, values: unknown): number {
  const isList = Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView));
  if (!isList) throw invalid(`column ${name} must be an array or a typed array, not ${shown(values)}`);
  return (values as ArrayLike<unknown>).length;
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', {
    message,
    hint: 'pass {column: values, …}, or bytes of Arrow IPC',
  });
}
