/** Values of two engines made alike, and answers compared. */
import type { Row } from './questions.js';

/** Rows with numbers, texts and nulls alone: integers become numbers, points in time milliseconds. */
export function plainRows(rows: readonly object[]): Row[] {
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])),
  );
}

function plain(value: unknown): Row[string] {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'object') {
    // DuckDB's points in time and days.
    if ('micros' in value) return Number(value.micros) / 1000;
    if ('days' in value) return Number(value.days) * 86_400_000;
    if ('toDouble' in value && typeof value.toDouble === 'function') return value.toDouble() as number;
  }
  throw new TypeError(`a value of ${typeof value} has no place in an answer`);
}

/** What differs first; undefined when the answers agree, numbers within the rounding of sums in another order. */
export function firstDifference(ours: readonly Row[], theirs: readonly Row[]): string | undefined {
  if (ours.length !== theirs.length) return `${ours.length} rows beside ${theirs.length}`;
  for (const [at, row] of ours.entries())
    for (const [name, value] of Object.entries(row)) {
      const other = theirs[at]?.[name];
      if (!isSame(value, other)) return `${name} of row ${at}: ${value} beside ${other}`;
    }
  return undefined;
}

function isSame(one: Row[string], other: Row[string] | undefined): boolean {
  if (typeof one !== 'number' || typeof other !== 'number') return one === other;
  return Math.abs(one - other) <= 1e-9 * Math.max(1, Math.abs(one));
}
