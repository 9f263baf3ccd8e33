/** A random database, as data that can be made smaller: tables, how they are filled, changed and stored. */
import type { Random } from './random.js';
import { type ColumnType, columnTypes } from './types.js';

/** A column. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** A table; with a key, its first column is it. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly hasKey: boolean;
}

/** One step of making the database. */
export type Step =
  | { readonly is: 'sql'; readonly sql: string }
  | { readonly is: 'rows'; readonly table: string; readonly rows: readonly (readonly string[])[] };

/** A database. */
export interface World {
  readonly tables: readonly Table[];
  readonly steps: readonly Step[];
  /** Steps within the transaction that all is asked in; undefined when it is asked outside of one. */
  readonly inTransaction?: readonly Step[];
}

/** The statement of a step; undefined when it has no rows. */
export function sqlOf(step: Step): string | undefined {
  if (step.is === 'sql') return step.sql;
  if (step.rows.length === 0) return undefined;
  return `INSERT INTO ${step.table} VALUES ${step.rows.map((row) => `(${row.join(', ')})`).join(', ')}`;
}

/** A random database of one to three tables. */
export function randomWorld(random: Random): World {
  const tables = Array.from({ length: 1 + random.below(3) }, (_, at) => randomTable(random, `t${at}`));
  const steps: Step[] = [];
  // Where it is not UTC, a moment and a time on a wall are different numbers.
  if (random.oneIn(2)) steps.push({ is: 'sql', sql: "SET TIME ZONE 'Europe/Berlin'" });
  for (const table of tables) {
    const columns = table.columns.map(({ name, type }, at) =>
      at === 0 && table.hasKey ? `${name} INT PRIMARY KEY` : `${name} ${type.sql}`,
    );
    steps.push({ is: 'sql', sql: `CREATE TABLE ${table.name} (${columns.join(', ')})` });
    for (const { name, type } of table.columns)
      if (random.oneIn(4) && type.family !== 'binary')
        steps.push({ is: 'sql', sql: `CREATE INDEX ON ${table.name} (${name})` });
  }
  const keys = new Map<string, number>();
  const fill = (count: number): Step[] =>
    Array.from({ length: count }, () => randomStep(random, random.pick(tables), keys));
  steps.push(...fill(2 + random.below(10)));
  if (!random.oneIn(4)) return { tables, steps };
  const inside = fill(1 + random.below(3)).filter(
    (step) => step.is === 'rows' || !step.sql.startsWith('VACUUM'),
  );
  return { tables, steps, inTransaction: inside };
}

function randomTable(random: Random, name: string): Table {
  const hasKey = random.oneIn(2);
  const columns = Array.from({ length: 2 + random.below(5) }, (_, at) => ({
    name: `c${at}`,
    type: at === 0 && hasKey ? intType : random.pick(columnTypes),
  }));
  return { name, columns, hasKey };
}

const intType = columnTypes[0] as ColumnType;

function randomStep(random: Random, table: Table, keys: Map<string, number>): Step {
  const column = random.pick(table.columns.slice(table.hasKey ? 1 : 0));
  const value = random.pick(column.type.values);
  switch (random.below(8)) {
    case 0:
      return { is: 'sql', sql: `VACUUM ${table.name}` };
    case 1:
      return { is: 'sql', sql: `DELETE FROM ${table.name} WHERE ${column.name} = ${value}` };
    case 2:
      return {
        is: 'sql',
        sql: `UPDATE ${table.name} SET ${column.name} = ${value} WHERE ${column.name} IS NULL`,
      };
    default: {
      const count = random.oneIn(8) ? 200 + random.below(200) : 1 + random.below(12);
      return { is: 'rows', table: table.name, rows: randomRows(random, table, count, keys) };
    }
  }
}

function randomRows(random: Random, table: Table, count: number, keys: Map<string, number>): string[][] {
  // What is the same in all rows that come together, NULL above all, is stored and filtered in ways of its own.
  const same = table.columns.map(({ type }) => {
    if (!random.oneIn(5)) return undefined;
    return random.oneIn(2) ? 'NULL' : random.pick(type.values);
  });
  return Array.from({ length: count }, () =>
    table.columns.map(({ type }, at) => {
      if (at > 0 || !table.hasKey) return same[at] ?? (random.oneIn(5) ? 'NULL' : random.pick(type.values));
      const key = (keys.get(table.name) ?? 0) + 1 + random.below(3);
      keys.set(table.name, key);
      return String(key);
    }),
  );
}
