/** Random conditions, as trees that can be made smaller. */
import type { Random } from './random.js';
import type { ColumnType, Family } from './types.js';

/** A condition: pieces of SQL around smaller conditions. */
export interface Condition {
  readonly texts: readonly string[];
  readonly parts: readonly Condition[];
}

/** A column that a condition may name, with its table's alias. */
export interface Named {
  readonly sql: string;
  readonly type: ColumnType;
}

/** Its SQL. */
export function conditionSql({ texts, parts }: Condition): string {
  return texts.map((text, at) => `${text}${parts[at] === undefined ? '' : conditionSql(parts[at])}`).join('');
}

/** A condition that has no parts. */
export function leaf(sql: string): Condition {
  return { texts: [sql], parts: [] };
}

/** Conditions that are smaller, the smallest first. */
export function smaller(condition: Condition): readonly Condition[] {
  const constants = ['TRUE', 'FALSE', 'NULL'].map((word) => leaf(`CAST(${word} AS BOOLEAN)`));
  const replaced = condition.parts.flatMap((part, at) =>
    smaller(part).map((less) => ({
      texts: condition.texts,
      parts: condition.parts.map((other, index) => (index === at ? less : other)),
    })),
  );
  const isConstant = constants.some(({ texts }) => texts[0] === condition.texts[0]);
  return isConstant ? [] : [...constants, ...condition.parts, ...replaced];
}

/** @param depth of conditions within conditions @param lambdas whether some are on the items of a list */
export function randomCondition(
  random: Random,
  columns: readonly Named[],
  depth: number,
  lambdas = true,
): Condition {
  if (depth <= 0) return leaf(randomTest(random, columns, lambdas));
  const inner = (): Condition => randomCondition(random, columns, depth - 1 - random.below(2), lambdas);
  switch (random.below(8)) {
    case 0:
    case 1:
      return { texts: ['(', ' AND ', ')'], parts: [inner(), inner()] };
    case 2:
    case 3:
      return { texts: ['(', ' OR ', ')'], parts: [inner(), inner()] };
    case 4:
      return { texts: ['(NOT ', ')'], parts: [inner()] };
    case 5:
      return { texts: ['(CASE WHEN ', ' THEN ', ' ELSE ', ' END)'], parts: [inner(), inner(), inner()] };
    case 6:
      return {
        texts: ['((', random.pick([') IS NOT TRUE)', ') IS UNKNOWN)', ') IS FALSE)'])],
        parts: [inner()],
      };
    default:
      return leaf(randomTest(random, columns, lambdas));
  }
}

const comparisons = ['=', '<>', '<', '<=', '>', '>=', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'];

function randomTest(random: Random, columns: readonly Named[], lambdas: boolean): string {
  const column = random.pick(columns);
  const { family } = column.type;
  const value = (): string => randomValue(random, column, columns);
  const left = randomScalar(random, column);
  switch (random.below(12)) {
    case 0:
      return `(${left} IS ${random.oneIn(2) ? 'NOT ' : ''}NULL)`;
    case 1:
      return `(${left} ${random.oneIn(3) ? 'NOT ' : ''}IN (${value()}, ${value()}, ${random.oneIn(4) ? 'NULL' : value()}))`;
    case 2:
      if (family === 'bool') return `(${left})`;
      return `(${left} ${random.oneIn(3) ? 'NOT ' : ''}BETWEEN ${value()} AND ${value()})`;
    case 3:
      if (family === 'text') return `(${left} ${random.oneIn(3) ? 'NOT ' : ''}LIKE ${random.pick(patterns)})`;
      break;
    case 4:
      if (family === 'bool') return `(${left})`;
      break;
    case 5:
      if (column.type.isWhole) return `(${column.sql} ${random.oneIn(3) ? '' : 'NOT '}IN (-1, 0, 1, 2, 3))`;
      break;
    case 6:
      if (column.type.isWhole) return guarded(random, column.sql);
      break;
    case 7:
      // Lists of these have one type, whatever is in them.
      if (lambdas && (family === 'number' || family === 'text' || family === 'date'))
        return `array_any_match([${left}, ${value()}], x -> x ${random.pick(comparisons)} ${random.pick(column.type.values)})`;
      break;
    default:
  }
  return `(${left} ${random.pick(comparisons)} ${value()})`;
}

/** A division by a column that is zero in rows for which it is not to be computed. */
function guarded(random: Random, sql: string): string {
  const divided = `100 / ${sql} ${random.pick(['>', '<>', '='])} ${random.below(60)}`;
  return random.pick([
    `(CASE WHEN ${sql} = 0 THEN ${random.pick(['TRUE', 'FALSE', 'NULL'])} ELSE ${divided} END)`,
    `(CASE WHEN ${sql} = 0 THEN 'a' WHEN ${divided} THEN 'b' ELSE 'c' END = '${random.pick(['a', 'b', 'c'])}')`,
    `(CASE WHEN ${sql} <> 0 THEN ${divided} END)`,
    `coalesce(nullif(${sql} = 0, FALSE), ${divided})`,
  ]);
}

const patterns = ["'%'", "'a%'", "'%b'", "'_'", "'%é%'", "''", "'__'", "'\\%'"];

function randomValue(random: Random, { type }: Named, columns: readonly Named[]): string {
  const alike = columns.filter((other) => other.type.family === type.family);
  if (random.oneIn(3)) return randomScalar(random, random.pick(alike));
  return random.oneIn(12) ? 'NULL' : random.pick(type.values);
}

/** The column itself or something of its family made of it. */
function randomScalar(random: Random, { sql, type }: Named): string {
  if (!random.oneIn(4)) return sql;
  const made: Partial<Record<Family, readonly string[]>> = {
    number: [`(-${sql})`, `(${sql} + 1)`, `abs(${sql})`, `coalesce(${sql}, 0)`, `CAST(${sql} AS DOUBLE)`],
    text: [
      `lower(${sql})`,
      `upper(${sql})`,
      `(${sql} || 'a')`,
      `coalesce(${sql}, '')`,
      `substr(${sql}, 1, 1)`,
    ],
    bool: [`coalesce(${sql}, FALSE)`],
    date: [`coalesce(${sql}, DATE '1970-01-01')`],
    timestamp: [`date_trunc('day', ${sql})`],
  };
  return random.pick(made[type.family] ?? [sql]);
}
