/** The record of a departure, 4 bytes: what its key does not say. Little-endian i16 delay, u16 distance. */

export const recordBytes = 4;

/** Writes one record. @param delay minutes late at arrival, negative when early @param distance miles */
export function writeRecord(bytes: Uint8Array, offset: number, delay: number, distance: number): void {
  bytes[offset] = delay;
  bytes[offset + 1] = delay >> 8;
  bytes[offset + 2] = distance;
  bytes[offset + 3] = distance >> 8;
}

/** Minutes late at arrival. */
export function delayOf(bytes: Uint8Array, offset = 0): number {
  return (((bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8)) << 16) >> 16;
}

/** Miles. */
export function distanceOf(bytes: Uint8Array, offset = 0): number {
  return (bytes[offset + 2] ?? 0) | ((bytes[offset + 3] ?? 0) << 8);
}
