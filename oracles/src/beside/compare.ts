/** Compares two answers row by row. Engines choose the scale of a mean of decimals: numbers may differ in their last digits. */

/** A value as an engine gives it out. */
export type Value = string | number | bigint | boolean | null;

/** Where they differ; undefined when they do not. @param isOrdered whether the order of the rows counts */
export function difference(
  ours: readonly (readonly Value[])[],
  theirs: readonly (readonly Value[])[],
  isOrdered: boolean,
): string | undefined {
  if (ours.length !== theirs.length) return `${ours.length} rows, not ${theirs.length}`;
  const [left, right] = isOrdered ? [ours, theirs] : [sorted(ours), sorted(theirs)];
  for (const [at, row] of left.entries()) {
    const other = right[at] ?? [];
    const column = row.findIndex((value, index) => !same(value, other[index] ?? null));
    if (row.length !== other.length || column >= 0)
      return `row ${at + 1}: ${shown(row)} and not ${shown(other)}`;
  }
  return undefined;
}

function same(a: Value, b: Value): boolean {
  if (a === null || b === null) return a === b;
  if (String(a) === String(b)) return true;
  const [x, y] = [Number(a), Number(b)];
  return Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y)) + 1e-6;
}

/** By exact values first, so that a digit more or less moves no row. */
function sorted(rows: readonly (readonly Value[])[]): readonly (readonly Value[])[] {
  const keyed = rows.map((row) => ({ row, key: row.map(keyOf).join('\u0001') }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key))).map(({ row }) => row);
}

function keyOf(value: Value): string {
  if (value === null) return '';
  const number = Number(value);
  return typeof value === 'boolean' || Number.isNaN(number) ? String(value) : number.toFixed(4).padStart(24);
}

function shown(row: readonly Value[]): string {
  return row.map(String).join(' | ');
}
