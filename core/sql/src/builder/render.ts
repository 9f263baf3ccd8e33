/**
 * Plans as SQL: names quoted, values as parameters. Steps share one SELECT as long as that means the same.
 *
 * The SQL is DataFusion's, whose meaning the contract of plans has where engines differ.
 */
import type {
  PlanAggregate,
  PlanOperation,
  PlanOrder,
  PlanRows,
  PlanStep,
  PlanValue,
  SqlFragment,
} from '@varve/interfaces';
import { sql } from '../fragment.js';

/** The statement of a plan that was checked. */
export function renderPlan(plan: PlanRows): SqlFragment {
  return written(rendered(plan));
}

/** A SELECT that grows. */
interface Select {
  readonly from: SqlFragment;
  readonly where: readonly SqlFragment[];
  /** What it gives, with GROUP BY where there is one; absent for all columns. */
  readonly list?: SqlFragment;
  readonly groups?: SqlFragment;
  readonly order?: SqlFragment;
  readonly limit?: SqlFragment;
}

function rendered({ table, steps }: PlanRows): Select {
  return steps.reduce<Select>(after, { from: sql.identifier('main', table), where: [] });
}

function written({ from, where, list = sql`*`, groups, order, limit }: Select): SqlFragment {
  const parts = [sql`SELECT ${list} FROM ${from}`];
  if (where.length > 0) parts.push(sql`WHERE ${sql.join(where, ' AND ')}`);
  for (const part of [groups, order, limit]) if (part !== undefined) parts.push(part);
  return sql.join(parts, ' ');
}

/** The SELECT with its rows as those of a table, unless a step may still be added to it. */
function within(select: Select, isOpen: boolean): Select {
  return isOpen ? select : { from: sql`(${written(select)}) AS t`, where: [] };
}

function after(select: Select, step: PlanStep): Select {
  const { where, list, order, limit } = select;
  const isPlain = list === undefined && order === undefined && limit === undefined;
  switch (step.kind) {
    case 'filter': {
      const base = within(select, isPlain);
      return { ...base, where: [...base.where, value(step.condition)] };
    }
    case 'select': {
      const columns = step.columns.map((column) => named(value(column.value), column.name));
      return { ...within(select, isPlain), list: sql.join(columns) };
    }
    case 'aggregate':
      return { ...within(select, isPlain), ...aggregated(step) };
    case 'join':
      return joined(within(select, isPlain && where.length === 0), step);
    case 'order': {
      const by = sql.join(step.by.map(ordered));
      return { ...within(select, isPlain), order: sql`ORDER BY ${by}` };
    }
    case 'limit':
      return { ...within(select, limit === undefined), limit: limited(step) };
  }
}

function limited({ count, offset }: PlanStep & { readonly kind: 'limit' }): SqlFragment {
  // A top-k of a plan that is kept cannot be of none: written out, the planner sees that nothing comes.
  if (count === 0) return sql`LIMIT 0`;
  const parts = [
    count === undefined ? [] : [sql`LIMIT ${count}`],
    offset === 0 ? [] : [sql`OFFSET ${offset}`],
  ];
  return sql.join(parts.flat(), ' ');
}

function aggregated({
  by,
  values,
}: PlanStep & { readonly kind: 'aggregate' }): Pick<Select, 'list' | 'groups'> {
  const keys = by.map((key) => sql.identifier(key));
  const list = sql.join([...keys, ...values.map((one) => named(aggregate(one), one.name))]);
  return keys.length === 0 ? { list } : { list, groups: sql`GROUP BY ${sql.join(keys)}` };
}

function aggregate({ function: of, value: given }: PlanAggregate): SqlFragment {
  if (given === undefined) return sql`count(*)`;
  const what = value(given);
  switch (of) {
    case 'count':
      return sql`count(${what})`;
    case 'countDistinct':
      return sql`count(DISTINCT ${what})`;
    case 'sum':
      return sql`sum(${what})`;
    case 'min':
      return sql`min(${what})`;
    case 'max':
      return sql`max(${what})`;
    case 'avg':
      return sql`avg(CAST(${what} AS DOUBLE))`;
  }
}

function joined({ from }: Select, { how, right, on, take }: PlanStep & { readonly kind: 'join' }): Select {
  const other = sql`(${written(rendered(right))}) AS r`;
  const keys = on.map(([here, there]) => sql`${sql.identifier('l', here)} = ${sql.identifier('r', there)}`);
  const left = sql`(SELECT * FROM ${from}) AS l`;
  const match = sql.join(keys, ' AND ');
  if (how === 'semi')
    return { from: sql`${left} LEFT SEMI JOIN ${other} ON ${match}`, where: [], list: sql`l.*` };
  if (how === 'anti')
    return { from: sql`${left} LEFT ANTI JOIN ${other} ON ${match}`, where: [], list: sql`l.*` };
  const kind = how === 'left' ? sql`LEFT JOIN` : sql`JOIN`;
  const columns = [sql`l.*`, ...takenColumns(on, take)];
  return { from: sql`${left} ${kind} ${other} ON ${match}`, where: [], list: sql.join(columns) };
}

function takenColumns(
  on: (PlanStep & { readonly kind: 'join' })['on'],
  take: (PlanStep & { readonly kind: 'join' })['take'],
): readonly SqlFragment[] {
  if (take !== undefined) return take.map(({ name, column }) => named(sql.identifier('r', column), name));
  const same = on.filter(([here, there]) => here === there).map(([here]) => sql.identifier(here));
  return [same.length === 0 ? sql`r.*` : sql`r.* EXCLUDE (${sql.join(same)})`];
}

function ordered({ value: by, descending, nullsFirst }: PlanOrder): SqlFragment {
  const direction = descending === true ? sql`DESC` : sql`ASC`;
  return sql`${value(by)} ${direction} ${nullsFirst === true ? sql`NULLS FIRST` : sql`NULLS LAST`}`;
}

function named(what: SqlFragment, name: string): SqlFragment {
  return sql`${what} AS ${sql.identifier(name)}`;
}

function value(given: PlanValue): SqlFragment {
  if (given.kind === 'column') return sql.identifier(given.name);
  if (given.kind === 'literal') return sql`${given.value}`;
  return called(given.operation, given.values.map(value), given.values);
}

/** Infix operations by what stands between their values. */
const between: Partial<Record<PlanOperation, string>> = {
  '=': ' = ',
  '<>': ' <> ',
  '<': ' < ',
  '<=': ' <= ',
  '>': ' > ',
  '>=': ' >= ',
  and: ' AND ',
  or: ' OR ',
  '+': ' + ',
  '-': ' - ',
  '*': ' * ',
};

function called(
  operation: PlanOperation,
  values: readonly SqlFragment[],
  given: readonly PlanValue[],
): SqlFragment {
  const infix = between[operation];
  if (infix !== undefined) return sql`(${sql.join(values, infix)})`;
  const [first = sql``, second = sql``, ...more] = values;
  switch (operation) {
    case 'not':
      return sql`(NOT ${first})`;
    case 'isNull':
      return sql`(${first} IS NULL)`;
    case 'in':
      // Of no values: false, also of NULL.
      return given.length === 1 ? sql`FALSE` : sql`(${first} IN (${sql.join([second, ...more])}))`;
    case 'startsWith':
      return sql`starts_with(${first}, ${second})`;
    case '/':
      return sql`(CAST(${first} AS DOUBLE) / NULLIF(CAST(${second} AS DOUBLE), 0))`;
    case 'lower':
      return sql`lower(${first})`;
    case 'upper':
      return sql`upper(${first})`;
    case 'year':
      return sql`CAST(EXTRACT(YEAR FROM ${first}) AS BIGINT)`;
    case 'month':
      return sql`CAST(EXTRACT(MONTH FROM ${first}) AS BIGINT)`;
    case 'day':
      return sql`CAST(EXTRACT(DAY FROM ${first}) AS BIGINT)`;
    default:
      return sql`CAST(EXTRACT(HOUR FROM ${first}) AS BIGINT)`;
  }
}
