/**
 * Arrow IPC messages as an engine hands them over: one schema, then batches with the dictionaries they need.
 *
 * Source: the Arrow columnar format, "Encapsulated message format" and "IPC streaming format".
 */
import { type Field, type Table, tableFromIPC } from '@uwdata/flechette';
import { VarveError } from '@varve/interfaces';
import { rawOptions } from './cells.js';

/** Marks the end of a stream: the continuation mark, and a length of 0. */
export const endOfStream: Uint8Array = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0);

/** The fields that a schema message names. @throws VarveError FILE_MALFORMED */
export function decodeSchema(schema: Uint8Array): readonly Field[] {
  return decode([schema]).schema.fields;
}

/** Batches, decoded. */
export interface DecodedPart {
  readonly table: Table;
  /** Messages that make a stream of their own of these batches, without its end. */
  readonly stream: readonly Uint8Array[];
}

/** Decodes batch by batch, and remembers the dictionaries that later batches go on using. */
export class IpcDecoder {
  readonly #schema: Uint8Array;
  /** Messages that later batches need. */
  #dictionaries: Uint8Array[] = [];

  constructor(schema: Uint8Array) {
    this.#schema = schema;
  }

  /** Decodes the batches in `messages`. Cost: microseconds; values are views of the bytes. @throws VarveError FILE_MALFORMED */
  decode(messages: Uint8Array): DecodedPart {
    const stream = [this.#schema, ...this.#dictionaries, messages];
    const dictionaries = readable(() => dictionariesIn(messages));
    if (dictionaries.length > 0) this.#dictionaries = [...this.#dictionaries, ...dictionaries];
    return { table: decode(stream), stream };
  }
}

/** One array of bytes after another. */
export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  // Not from Buffer's pool: the bytes go to others, and begin at a multiple of 8. Nor filled with zeros first.
  const { buffer, length } = Buffer.allocUnsafeSlow(parts.reduce((count, { length }) => count + length, 0));
  const whole = new Uint8Array(buffer, 0, length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** How long the schema message is that a stream begins with. */
export function schemaBytes(stream: Uint8Array): number {
  return 8 + new DataView(stream.buffer, stream.byteOffset).getInt32(4, true);
}

/** Bytes that begin at a multiple of 8, which 64-bit views need: the same, or a copy. */
export function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
}

function decode(messages: readonly Uint8Array[]): Table {
  return readable(() => tableFromIPC(messages.map(aligned), rawOptions));
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new VarveError('FILE_MALFORMED', {
      message: 'the bytes are not Arrow IPC messages that can be read',
      cause,
    });
  }
}

const dictionaryHeader = 2;

/** The dictionary messages among encapsulated messages. */
function dictionariesIn(messages: Uint8Array): Uint8Array[] {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength);
  const found: Uint8Array[] = [];
  for (let at = 0; at + 8 <= messages.length; ) {
    const metadataBytes = view.getInt32(at + 4, true);
    if (metadataBytes <= 0) break;
    const { header, bodyBytes } = readMessage(view, at + 8);
    if (bodyBytes < 0) throw new RangeError(`a body of ${bodyBytes} bytes`);
    const end = at + 8 + metadataBytes + bodyBytes;
    if (header === dictionaryHeader) found.push(messages.subarray(at, end));
    at = end;
  }
  return found;
}

/** Reads two fields of the flatbuffer `Message`: the kind of its header, and the length of its body. */
function readMessage(view: DataView, start: number): { header: number; bodyBytes: number } {
  const table = start + view.getInt32(start, true);
  const fields = table - view.getInt32(table, true);
  const fieldBytes = view.getUint16(fields, true);
  const place = (field: number): number =>
    4 + 2 * field < fieldBytes ? view.getUint16(fields + 4 + 2 * field, true) : 0;
  const header = place(1);
  const body = place(3);
  return {
    header: header === 0 ? 0 : view.getUint8(table + header),
    bodyBytes: body === 0 ? 0 : Number(view.getBigInt64(table + body, true)),
  };
}
