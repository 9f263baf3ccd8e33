/**
 * Queries that must agree, whatever the data: ternary logic partitioning, NoREC, and rows that are asked for in two ways.
 *
 * A row makes a condition true, false or unknown, so that the rows under `p`, `NOT p` and `p IS NULL` together are those of
 * the query without a condition; and the rows that a query finds `WHERE p` are as many as those for which it computes `p`
 * as true, which no optimiser can make quicker by filtering. A LIMIT gives the first rows of an order, files give back what
 * was written to them, a window what groups beside their rows give, and a row has the number that was drawn for it.
 *
 * Sources: Rigger, Su: "Finding Bugs in Database Systems via Query Partitioning" (OOPSLA 2020) and "Detecting Optimization
 * Bugs in Database Engines via Non-optimizing Reference Engine Construction" (ESEC/FSE 2020).
 */
import type { Answer } from '../subjects/subject.js';
import { type Condition, conditionSql, leaf, type Named, randomCondition } from './expressions.js';
import type { Random } from './random.js';
import type { Table, World } from './world.js';

/** Queries and what must hold between their answers. */
export interface Relation {
  readonly name: string;
  readonly queries: readonly string[];
  /** What is wrong; undefined when nothing is. */
  readonly problem: (answers: readonly Answer[]) => string | undefined;
}

/** What relations are about: where rows come from, and a condition on them. */
export interface Subject {
  readonly kind: RelationKind;
  /** FROM and joins. */
  readonly from: string;
  readonly columns: readonly Named[];
  readonly condition: Condition;
  /** Columns that are shown, grouped by or summed. */
  readonly shown: readonly Named[];
  readonly fileFormat: 'parquet' | 'arrow';
  /** Another table, and a condition on its rows beside those of `from`. */
  readonly other: { readonly table: string; readonly condition: Condition };
}

const kinds = [
  'rows',
  'distinct',
  'aggregate',
  'groups',
  'having',
  'count',
  'limited',
  'union',
  'ordered',
  'derived',
  'exists',
  'filtered',
  'files',
  'windowed',
  'drawn',
] as const;
type RelationKind = (typeof kinds)[number];

/** Something to ask of `world`. */
export function randomSubject(random: Random, world: World): Subject {
  const first = random.pick(world.tables);
  let from = `${first.name} AS a`;
  const columns = namedColumns(first, 'a');
  if (random.oneIn(3)) {
    const second = random.pick(world.tables);
    const others = namedColumns(second, 'b');
    const on = joinCondition(random, columns, others);
    columns.push(...others);
    const join = random.pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'JOIN']);
    from += ` ${join} ${second.name} AS b ON ${on}`;
  }
  const third = random.pick(world.tables);
  const beside = namedColumns(third, 'o');
  const key = leaf(`(${joinCondition(random, columns, beside)})`);
  // DataFusion 55.2 finds no column of the outer query within a list that a lambda is for.
  const more = randomCondition(random, [...columns, ...beside], random.below(2), false);
  return {
    kind: random.pick(kinds),
    from,
    columns,
    condition: randomCondition(random, columns, random.below(4)),
    shown: Array.from({ length: 1 + random.below(3) }, () => random.pick(columns)),
    fileFormat: random.pick(['parquet', 'arrow']),
    other: { table: third.name, condition: { texts: ['(', ' AND ', ')'], parts: [key, more] } },
  };
}

function namedColumns({ columns }: Table, alias: string): Named[] {
  return columns.map(({ name, type }) => ({ sql: `${alias}.${name}`, type }));
}

/** An equality that a hash join can take, mostly. */
function joinCondition(random: Random, left: readonly Named[], right: readonly Named[]): string {
  const pairs = left.flatMap((a) =>
    right.filter((b) => b.type.family === a.type.family).map((b) => [a.sql, b.sql] as const),
  );
  if (pairs.length === 0) return 'TRUE';
  const [a, b] = random.pick(pairs);
  return random.oneIn(4) ? `${a} <= ${b}` : `${a} = ${b}`;
}

/** The relation of a subject. */
export function relationOf(subject: Subject): Relation {
  const { kind, from, shown } = subject;
  const p = conditionSql(subject.condition);
  const list = shown.map(({ sql }, at) => `${sql} AS s${at}`).join(', ');
  const keys = [...new Set(shown.map(({ sql }) => sql))].join(', ');
  const where = [`WHERE ${p}`, `WHERE NOT ${p}`, `WHERE ${p} IS NULL`];
  const rows = `SELECT ${list} FROM ${from}`;
  switch (kind) {
    case 'rows':
      return partition(kind, rows, where, sameBag);
    case 'distinct':
      return partition(kind, `SELECT DISTINCT ${list} FROM ${from}`, where, sameSet);
    case 'groups':
      return partition(kind, rows, where, sameSet, ` GROUP BY ${keys}`);
    case 'having': {
      // The condition is on one row of a group: it is made one of the group.
      const inner = `SELECT ${list}, count(*) AS n FROM ${from} GROUP BY ${keys}`;
      const having = groupCondition(subject);
      const parts = [`HAVING ${having}`, `HAVING NOT ${having}`, `HAVING ${having} IS NULL`];
      return {
        name: kind,
        queries: [inner, ...parts.map((part) => `${inner} ${part}`)],
        problem: union(sameBag),
      };
    }
    case 'union': {
      const parts = where.map((condition) => `${rows} ${condition}`).join(' UNION ALL ');
      return { name: kind, queries: [rows, parts], problem: union(sameBag) };
    }
    case 'ordered': {
      // NULLs and zeros of both signs are equal to the order, so that only keys are compared.
      const order = shown
        .map(({ sql }, at) => `${sql} ${at % 2 === 0 ? 'ASC NULLS FIRST' : 'DESC'}`)
        .join(', ');
      const all = `${rows} WHERE ${p} ORDER BY ${order}`;
      return { name: kind, queries: [all, `${all} LIMIT 3`, `${all} LIMIT 2 OFFSET 1`], problem: isPrefix };
    }
    case 'derived': {
      const both = `SELECT * FROM (${rows} UNION ALL ${rows} WHERE ${p}) AS u`;
      const inner = outerCondition(subject);
      return partition(
        kind,
        both,
        [`WHERE ${inner}`, `WHERE NOT ${inner}`, `WHERE ${inner} IS NULL`],
        sameBag,
      );
    }
    case 'exists': {
      const inner = `EXISTS (SELECT 1 FROM ${subject.other.table} AS o WHERE ${conditionSql(subject.other.condition)})`;
      return partition(kind, rows, [`WHERE ${inner}`, `WHERE NOT ${inner}`], sameBag);
    }
    case 'aggregate':
      return aggregate(subject, where);
    case 'filtered': {
      const counts = ['x', 'NOT x', 'x IS NULL'].map((one, at) => `count(*) FILTER (WHERE ${one}) AS n${at}`);
      const each = where.map((condition, at) => `(SELECT count(*) FROM ${from} ${condition}) AS n${at}`);
      return {
        name: kind,
        queries: [
          `SELECT ${counts.join(', ')} FROM (SELECT ${p} AS x FROM ${from}) AS u`,
          `SELECT ${each.join(', ')}`,
        ],
        problem: union(sameBag),
      };
    }
    case 'files':
      return files(subject, where);
    case 'windowed': {
      // A row has the count of its group, and the rank behind all groups before it.
      const names = shown.map((_, at) => `s${at}`).join(', ');
      const windows = `count(*) OVER (PARTITION BY ${keys}) AS n, rank() OVER (ORDER BY ${keys}) AS r`;
      const groups = `SELECT ${list}, count(*) AS n FROM ${from} WHERE ${p} GROUP BY ${keys}`;
      const before = `sum(n) OVER (ORDER BY ${names} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)`;
      return {
        name: kind,
        queries: [
          `SELECT DISTINCT ${list}, ${windows} FROM ${from} WHERE ${p}`,
          `SELECT ${names}, n, coalesce(${before}, 0) + 1 AS r FROM (${groups}) AS g`,
        ],
        problem: union(sameBag),
      };
    }
    case 'drawn': {
      // A number that was drawn for a row has one size, wherever it is looked at.
      const names = shown.map((_, at) => `s${at}`).join(', ');
      const drawn = `SELECT ${list}, random() AS z FROM ${from}`;
      const outer = `(u.z < 0.5 OR u.z < 0.8 AND ${outerCondition(subject)})`;
      const parts = [outer, `NOT ${outer}`, `${outer} IS NULL`].map(
        (condition) => `SELECT ${names} FROM u WHERE ${condition}`,
      );
      return {
        name: kind,
        queries: [
          rows,
          `WITH u AS (${drawn}) ${parts.join(' UNION ALL ')}`,
          `SELECT ${names} FROM (${drawn}) AS u WHERE u.z >= 0.8 AND ${outer}`,
        ],
        problem: union(sameBag),
      };
    }
    case 'count':
      return {
        name: kind,
        queries: [`SELECT count(*) FROM ${from} WHERE ${p}`, `SELECT ${p} IS TRUE AS holds FROM ${from}`],
        problem: ([counted, computed]) => {
          const found = Number(counted?.rows[0]?.[0]);
          const holding = computed?.rows.filter(([holds]) => holds === 'true').length;
          return found === holding
            ? undefined
            : `WHERE finds ${found} rows, the condition holds for ${holding}`;
        },
      };
    case 'limited':
      return {
        name: kind,
        queries: [
          `${rows} WHERE ${p}`,
          `${rows} WHERE ${p} ORDER BY ${keys} LIMIT 5`,
          `${rows} WHERE ${p} LIMIT 5`,
        ],
        problem: ([all, ...limited]) => {
          const wanted = Math.min(5, all?.rows.length ?? 0);
          const off = limited.find(({ rows }) => rows.length !== wanted);
          if (off !== undefined) return `${off.rows.length} rows under LIMIT 5, not ${wanted}`;
          const known = bag(all === undefined ? [] : [all]);
          const alien = limited.flatMap((one) => [...bag([one]).keys()]).find((row) => !known.has(row));
          return alien === undefined ? undefined : `LIMIT gives a row that the query has not: ${alien}`;
        },
      };
  }
}

/** Whether the second and third answer are the rows 1 to 3 and 2 to 3 of the first. */
function isPrefix([all, first, second]: readonly Answer[]): string | undefined {
  const texts = (answer: Answer | undefined): string[] => (answer?.rows ?? []).map(rowText);
  const wanted = texts(all);
  for (const [found, from] of [
    [texts(first), 0],
    [texts(second), 1],
  ] as const) {
    const slice = wanted.slice(from, 3);
    if (found.join('\n') !== slice.join('\n'))
      return `LIMIT gives ${found.join(' ')}, the whole begins with ${slice.join(' ')}`;
  }
  return undefined;
}

function partition(
  name: string,
  query: string,
  where: readonly string[],
  same: (whole: readonly Answer[], parts: readonly Answer[]) => string | undefined,
  tail = '',
): Relation {
  const queries = [`${query}${tail}`, ...where.map((condition) => `${query} ${condition}${tail}`)];
  return { name, queries, problem: union(same) };
}

/** The parts as files, which are read together; columns of Parquet files are found by their names. */
function files({ from, shown, fileFormat }: Subject, where: readonly string[]): Relation {
  const items = shown.map(({ sql }, at) => `${sql} AS s${at}`);
  const names = shown.map((_, at) => `s${at}`).join(', ');
  const copies = where.map((condition, at) => {
    const columns = at === 1 && fileFormat === 'parquet' ? items.toReversed() : items;
    return `COPY (SELECT ${columns.join(', ')} FROM ${from} ${condition}) TO '@/part${at}.${fileFormat}' (OVERWRITE TRUE)`;
  });
  return {
    name: 'files',
    queries: [
      `SELECT ${items.join(', ')} FROM ${from}`,
      ...copies,
      `SELECT ${names} FROM '@/part*.${fileFormat}'`,
    ],
    problem: (answers) => sameBag(answers.slice(0, 1), answers.slice(-1)),
  };
}

function union(same: (whole: readonly Answer[], parts: readonly Answer[]) => string | undefined) {
  return (answers: readonly Answer[]): string | undefined => same(answers.slice(0, 1), answers.slice(1));
}

/** Aggregates that can be made of those of the parts. */
function aggregate({ from, shown }: Subject, where: readonly string[]): Relation {
  const functions = shown.flatMap(({ sql, type }) => [
    [`count(${sql})`, 'sum'],
    ...(type.family === 'bool' || type.family === 'binary'
      ? []
      : [
          [`min(${sql})`, 'min'],
          [`max(${sql})`, 'max'],
        ]),
    ...(type.isExact ? [[`sum(${sql})`, 'sum']] : []),
  ]);
  const list = functions.map(([call], at) => `${call} AS f${at}`).join(', ');
  const outer = functions.map(([, combine], at) => `${combine}(f${at}) AS f${at}`).join(', ');
  const parts = where.map((condition) => `SELECT ${list} FROM ${from} ${condition}`);
  return {
    name: 'aggregate',
    queries: [`SELECT ${list} FROM ${from}`, `SELECT ${outer} FROM (${parts.join(' UNION ALL ')}) AS parts`],
    problem: union(sameBag),
  };
}

/** A condition on a group out of one on its rows: on its keys, and on how many rows it has. */
function groupCondition({ shown }: Subject): string {
  const tests = shown.map(({ sql, type }) => `${sql} <= ${type.values[1] ?? type.values[0]}`);
  return `(count(*) > 2 OR ${tests.join(' AND ')})`;
}

/** A condition on the columns of a derived table. */
function outerCondition({ shown }: Subject): string {
  return `(u.s0 = ${shown[0]?.type.values[0]} OR u.s${shown.length - 1} IS NULL)`;
}

/** Whether the parts together are the whole, each row as often; undefined when they are. */
export function sameBag(whole: readonly Answer[], parts: readonly Answer[]): string | undefined {
  const left = bag(whole);
  for (const [row, count] of bag(parts)) left.set(row, (left.get(row) ?? 0) - count);
  const off = [...left].find(([, count]) => count !== 0);
  if (off === undefined) return undefined;
  const [row, count] = off;
  return count > 0
    ? `the parts lack ${count} times ${row}`
    : `the parts have ${-count} times too much ${row}`;
}

function sameSet(whole: readonly Answer[], parts: readonly Answer[]): string | undefined {
  const [a, b] = [bag(whole), bag(parts)];
  const lacking = [...a.keys()].find((row) => !b.has(row));
  if (lacking !== undefined) return `the parts lack ${lacking}`;
  const alien = [...b.keys()].find((row) => !a.has(row));
  return alien === undefined ? undefined : `the parts have ${alien}, which the whole has not`;
}

/** How often each row comes. Zero has two signs that are equal: which of them stands for both is the engine's choice. */
function bag(answers: readonly Answer[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { rows } of answers)
    for (const row of rows) {
      const text = rowText(row);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  return counts;
}

function rowText(row: Answer['rows'][number]): string {
  return JSON.stringify(row.map((value) => (value !== null && /^-0(\.0*)?$/.test(value) ? '0' : value)));
}
