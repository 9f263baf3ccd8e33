/** Rows as objects, by distinct names. */
import type { SqlRow, SqlValue } from '@varve/interfaces';

/** Names that a row can have side by side: one that comes again is `name_2`, `name_3`, …. */
export function distinctNames(names: readonly string[]): string[] {
  const taken = new Set(names);
  const seen = new Set<string>();
  return names.map((name) => {
    let distinct = name;
    for (let count = 2; seen.has(distinct) || (distinct !== name && taken.has(distinct)); count += 1)
      distinct = `${name}_${count}`;
    seen.add(distinct);
    return distinct;
  });
}

/** Makes the object of one row. @param cells as long as `names` */
export function rowBuilder(
  names: readonly string[],
  cells: readonly ((row: number) => SqlValue)[],
): (row: number) => SqlRow {
  const own = distinctNames(names);
  // Assigning to __proto__ would set the prototype.
  const isPlain = !own.includes('__proto__');
  return (row) => {
    const built: Record<string, SqlValue> = {};
    for (let at = 0; at < own.length; at += 1) {
      const value = (cells[at] as (row: number) => SqlValue)(row);
      if (isPlain) built[own[at] as string] = value;
      else define(built, own[at] as string, value);
    }
    return built;
  };
}

/** An object of named values. */
export function named<T>(names: readonly string[], valueAt: (at: number) => T): Record<string, T> {
  const built: Record<string, T> = {};
  for (const [at, name] of distinctNames(names).entries()) define(built, name, valueAt(at));
  return built;
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}
