/**
 * CRC-32 of the log's records.
 *
 * The IEEE polynomial instead of CRC32C because Node computes it natively (`zlib.crc32`, Node 20.15 and later), about
 * 40 times faster than a table in JavaScript; both find every burst of up to 32 bits.
 */
import * as zlib from 'node:zlib';

const table = /* @__PURE__ */ Uint32Array.from({ length: 256 }, (_, index) => {
  let remainder = index;
  for (let bit = 0; bit < 8; bit++) {
    remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  }
  return remainder >>> 0;
});

/** CRC-32 in plain JavaScript, for a Node without `zlib.crc32`. */
export function plainCrc32(bytes: Uint8Array, start = 0): number {
  let crc = ~start >>> 0;
  for (const byte of bytes) {
    crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

/**
 * CRC-32 of `bytes`.
 *
 * @param start checksum of what comes before them
 */
export const crc32: (bytes: Uint8Array, start?: number) => number = zlib.crc32 ?? plainCrc32;
