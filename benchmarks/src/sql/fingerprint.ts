/**
 * What an answer comes to, for comparing engines before any time is believed.
 *
 * An answer is a set of rows: their order does not count. Cells of exact types are hashed together, row by row, and the
 * hashes are added up. Cells of approximate types (floating point, decimals whose scale each engine chooses) are summed
 * by column, each weighted by the hash of its row's exact cells, so that a number in the wrong row is noticed; sums are
 * compared within a tolerance. An undefined number is NaN in one engine and NULL in another: both count as NULL.
 * Memory does not grow with the answer.
 */
import { WrongAnswer } from '../rounds.js';

/** A value as engines hand it out. Timestamps are microseconds and dates days since 1970, as bigint. */
export type Cell = string | number | bigint | boolean | null;

/** Some rows of an answer, by column. */
export interface Piece {
  readonly columns: readonly (readonly Cell[])[];
  /** By column: true when its cells are compared within the tolerance. */
  readonly approximate: readonly boolean[];
}

export interface Fingerprint {
  readonly rows: number;
  /** Over the exact cells of every row. */
  readonly exact: string;
  /** By approximate column, in order. */
  readonly sums: readonly { readonly sum: number; readonly magnitude: number }[];
}

/** Cells weigh from one less than this up to this. */
const heaviest = 1.5;

/** How far a sum may be off. */
export interface Tolerance {
  /** Of the sum of magnitudes. */
  readonly relative: number;
  /** Of a single cell. */
  readonly absolute: number;
}

/** @param pieces all with the same columns */
export async function fingerprint(pieces: AsyncIterable<Piece>): Promise<Fingerprint> {
  let rows = 0;
  const exact = new Uint32Array(2);
  const sums: { sum: number; magnitude: number }[] = [];
  for await (const { columns, approximate } of pieces) {
    const exactColumns = columns.filter((_, i) => approximate[i] !== true);
    const otherColumns = columns.filter((_, i) => approximate[i] === true);
    while (sums.length < otherColumns.length) sums.push({ sum: 0, magnitude: 0 });
    const count = columns[0]?.length ?? 0;
    const hashes = hashRows(exactColumns, otherColumns, count);
    for (let i = 0; i < count; i++) {
      exact[0] = (exact[0] ?? 0) + (hashes[2 * i] ?? 0);
      exact[1] = (exact[1] ?? 0) + (hashes[2 * i + 1] ?? 0);
    }
    for (const [c, column] of otherColumns.entries()) addUp(column, hashes, sums[c]);
    rows += count;
  }
  return { rows, exact: [...exact].map((word) => word.toString(16).padStart(8, '0')).join(''), sums };
}

/** @throws WrongAnswer unless every engine's answer is the first one's */
export function mustMatch(
  what: string,
  answers: ReadonlyMap<string, Fingerprint>,
  tolerance: Tolerance,
): void {
  const [first] = answers;
  if (first === undefined) return;
  const [reference, expected] = first;
  for (const [engine, answer] of answers) {
    const difference = differenceBetween(answer, expected, tolerance);
    if (difference !== undefined)
      throw new WrongAnswer(`${what}: ${engine} and ${reference} differ: ${difference}`);
  }
}

function differenceBetween(a: Fingerprint, b: Fingerprint, tolerance: Tolerance): string | undefined {
  if (a.rows !== b.rows) return `${a.rows} and ${b.rows} rows`;
  if (a.exact !== b.exact) return `exact cells ${a.exact} and ${b.exact}`;
  if (a.sums.length !== b.sums.length)
    return `${a.sums.length} and ${b.sums.length} columns of approximate numbers`;
  for (const [i, { sum, magnitude }] of a.sums.entries()) {
    const expected = b.sums[i]?.sum ?? Number.NaN;
    const allowed = tolerance.relative * magnitude + tolerance.absolute * heaviest * a.rows;
    if (!(Math.abs(sum - expected) <= allowed))
      return `sums ${sum} and ${expected} of approximate column ${i + 1}`;
  }
  return undefined;
}

/** Two words per row: over its exact cells, and over which of its approximate ones are NULL. */
function hashRows(
  exact: readonly (readonly Cell[])[],
  approximate: readonly (readonly Cell[])[],
  count: number,
): Uint32Array {
  const words = new Uint32Array(2 * count).fill(0x9e3779b9);
  for (const column of exact) for (let i = 0; i < count; i++) mixCell(words, i, column[i] ?? null);
  for (const column of approximate) {
    for (let i = 0; i < count; i++) mixWord(words, i, isUndefined(column[i] ?? null) ? 1 : 2);
  }
  return words;
}

function mixCell(words: Uint32Array, row: number, cell: Cell): void {
  if (typeof cell === 'string') mixString(words, row, cell);
  else if (cell === null) mixWord(words, row, 0x6e756c6c);
  else if (typeof cell === 'boolean') mixWord(words, row, cell ? 0x74727565 : 0x66616c73);
  else mixInteger(words, row, typeof cell === 'bigint' && isSafe(cell) ? Number(cell) : cell);
}

/** Both words are mixed in turn, outside the array: an answer may have a hundred million characters. */
function mixString(words: Uint32Array, row: number, text: string): void {
  let a = text.length;
  let b = ~text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul((b << 5) ^ (b >>> 27) ^ code, 0x85ebca6b);
  }
  mixWord(words, row, a);
  mixWord(words, row, b);
}

/** The same for 5 and 5n: engines give counts in types of their own. */
function mixInteger(words: Uint32Array, row: number, value: number | bigint): void {
  if (typeof value === 'bigint') {
    mixCell(words, row, value.toString());
    return;
  }
  mixWord(words, row, value | 0);
  mixWord(words, row, Math.floor(value / 2 ** 32) | 0);
}

const isSafe = (value: bigint): boolean => value >= -(2n ** 53n) && value <= 2n ** 53n;

const isUndefined = (cell: Cell): boolean => cell === null || Number.isNaN(cell);

function mixWord(words: Uint32Array, row: number, word: number): void {
  const a = Math.imul((words[2 * row] ?? 0) ^ word, 0x85ebca6b);
  const b = Math.imul((words[2 * row + 1] ?? 0) ^ word, 0xc2b2ae35);
  words[2 * row] = a ^ (a >>> 15);
  words[2 * row + 1] = b ^ (b >>> 13) ^ (a << 3);
}

function addUp(
  column: readonly Cell[],
  hashes: Uint32Array,
  total: { sum: number; magnitude: number } | undefined,
): void {
  if (total === undefined) return;
  for (let i = 0; i < column.length; i++) {
    const cell = column[i] ?? null;
    if (isUndefined(cell)) continue;
    const weighted = Number(cell) * (heaviest - 1 + (hashes[2 * i] ?? 0) / 2 ** 32);
    total.sum += weighted;
    total.magnitude += Math.abs(weighted);
  }
}
