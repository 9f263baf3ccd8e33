/**
 * A column of texts, encoded as one: the texts are joined and turned to UTF-8 in a single call, which takes a tenth of
 * the time of one call per text.
 */
import type { Column, DataType } from '@uwdata/flechette';
import { VarveError } from '@varve/interfaces';
import { builtColumn, validityOf } from './built-column.js';

/** What one batch may hold; the longest string of JavaScript is not far above. */
const unitsMax = 2 ** 28;

/** Builds a column. @param texts null for a null @throws VarveError LIMIT_EXCEEDED above 2^28 UTF-16 units in all */
export function textColumn(type: DataType, texts: readonly (string | null)[]): Column<unknown> {
  const unitCount = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  if (unitCount > unitsMax)
    throw new VarveError('LIMIT_EXCEEDED', {
      message: `${texts.length} texts hold ${unitCount} characters, more than ${unitsMax} in one batch`,
      hint: 'append fewer rows at a time',
    });
  // A null joins as nothing.
  const joined = Buffer.from(texts.join(''), 'utf8');
  const isPlain = joined.length === unitCount;
  const { offsets, byteCount } = offsetsOf(texts, isPlain);
  // Halves of a surrogate pair from two texts became one character: what each is by itself counts.
  const values =
    byteCount === joined.length ? joined : Buffer.concat(texts.map((text) => Buffer.from(text ?? '')));
  const length = texts.length;
  return builtColumn(type, { length, ...validityOf(length, (at) => texts[at] === null), offsets, values });
}

function offsetsOf(
  texts: readonly (string | null)[],
  isPlain: boolean,
): { offsets: Int32Array; byteCount: number } {
  const offsets = new Int32Array(texts.length + 1);
  let byteCount = 0;
  // By index: an iterator makes garbage of every entry.
  for (let at = 0; at < texts.length; at += 1) {
    const text = texts[at] ?? null;
    if (text !== null) byteCount += isPlain ? text.length : Buffer.byteLength(text);
    offsets[at + 1] = byteCount;
  }
  return { offsets, byteCount };
}
