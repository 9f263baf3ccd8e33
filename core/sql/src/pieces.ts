/** Bytes as the engine hands them over, and as they are read. */
import { aligned } from './arrow/ipc.js';
import type { NativePiece } from './native-face.js';

/** Its bytes, in memory that nothing else lies in. */
export function bytesOf(piece: NativePiece): Uint8Array {
  if (typeof piece !== 'string') return piece;
  const bytes = new Uint8Array(piece.length);
  Buffer.from(bytes.buffer).write(piece, 'latin1');
  return bytes;
}

/** Its bytes, from a multiple of 8 on, for values to be copied out of: few lie in memory that they share with others. */
export function pooledBytesOf(piece: NativePiece): Buffer {
  const bytes = aligned(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** As text, of one character for each byte. */
export function latin1Of(piece: NativePiece): string {
  return typeof piece === 'string' ? piece : pooledBytesOf(piece).toString('latin1');
}
