/**
 * Undoes the compression of LevelDB's blocks: Snappy's raw format (google/snappy, format_description.txt). Own code,
 * because all that is ever undone is the index of a table, before an import; a package would be loaded by every user.
 */
import { LevelReader } from './leveldb-varint.js';

/** No element makes more bytes of its own: a copy takes three and makes 64. */
const growthMax = 32;

/**
 * The content of a block; undefined when the bytes are not Snappy's.
 *
 * Cost: one pass; at most 32 times the bytes are allocated.
 */
export function unsnap(bytes: Uint8Array): Buffer | undefined {
  const input = new LevelReader(bytes);
  const length = input.number();
  if (length > growthMax * bytes.length) return undefined;
  const out = Buffer.alloc(length);
  let end = 0;
  while (input.hasMore) {
    const tag = input.fixed(1);
    const copied = copyOf(tag, input);
    const literal = copied === undefined ? input.take(literalBytes(tag, input)) : undefined;
    const count = copied?.count ?? literal?.length;
    if (count === undefined || end + count > length) return undefined;
    if (literal !== undefined) out.set(literal, end);
    else if (copied !== undefined) {
      const from = end - copied.distance;
      if (from < 0 || from === end) return undefined;
      // Byte by byte: a copy may reach into what it makes.
      for (let at = 0; at < count; at++) out[end + at] = out[from + at] as number;
    }
    end += count;
  }
  return end === length ? out : undefined;
}

/** What a tag copies of the bytes before; undefined for a literal. */
function copyOf(
  tag: number,
  input: LevelReader,
): { readonly count: number; readonly distance: number } | undefined {
  switch (tag & 3) {
    case 1:
      return { count: 4 + ((tag >> 2) & 7), distance: ((tag >> 5) << 8) + input.fixed(1) };
    case 2:
      return { count: 1 + (tag >> 2), distance: input.fixed(2) };
    case 3:
      return { count: 1 + (tag >> 2), distance: input.fixed(4) };
    default:
      return undefined;
  }
}

/** Up to 60 bytes the tag itself tells how many; beyond, it tells how many bytes the number has. */
function literalBytes(tag: number, input: LevelReader): number {
  const told = tag >> 2;
  return 1 + (told < 60 ? told : input.fixed(told - 59));
}
