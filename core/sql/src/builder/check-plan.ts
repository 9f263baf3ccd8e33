/** Whether something is a plan. It may come from anywhere: nothing of it is believed before. */
import {
  type PlanFunction,
  type PlanJoin,
  type PlanOperation,
  type QueryPlan,
  queryPlanLimits,
  queryPlanVersion,
  requireObject,
  requireWhole,
  shown,
  VarveError,
} from '@varve/interfaces';
import { nativeParam } from '../options.js';

/** How many values each operation takes, from least to most. */
const operations: Readonly<Record<PlanOperation, readonly [number, number]>> = {
  '=': [2, 2],
  '<>': [2, 2],
  '<': [2, 2],
  '<=': [2, 2],
  '>': [2, 2],
  '>=': [2, 2],
  and: [1, Number.POSITIVE_INFINITY],
  or: [1, Number.POSITIVE_INFINITY],
  not: [1, 1],
  isNull: [1, 1],
  in: [1, Number.POSITIVE_INFINITY],
  startsWith: [2, 2],
  '+': [2, 2],
  '-': [2, 2],
  '*': [2, 2],
  '/': [2, 2],
  lower: [1, 1],
  upper: [1, 1],
  year: [1, 1],
  month: [1, 1],
  day: [1, 1],
  hour: [1, 1],
};

const functions: ReadonlySet<unknown> = new Set<PlanFunction>([
  'count',
  'countDistinct',
  'sum',
  'min',
  'max',
  'avg',
]);
const joins: ReadonlySet<unknown> = new Set<PlanJoin>(['inner', 'left', 'semi', 'anti']);

type Fields = Readonly<Record<string, unknown>>;

/** @throws VarveError ARGUMENT_INVALID, SQL_LIMIT, SQL_NAME, CAPABILITY_MISSING for a newer version */
export function checkPlan(given: unknown): QueryPlan {
  const plan = fields(given, 'a plan');
  if (plan.version !== queryPlanVersion)
    throw new VarveError(typeof plan.version === 'number' ? 'CAPABILITY_MISSING' : 'ARGUMENT_INVALID', {
      message: `a plan has the version ${queryPlanVersion}, not ${shown(plan.version)}`,
      hint: 'make plans with from() of this release',
    });
  new Checker().rows(plan);
  return given as QueryPlan;
}

class Checker {
  #steps = 0;
  #values = 0;

  rows(given: unknown): void {
    const { table, steps } = fields(given, 'the rows of a plan');
    name(table, 'a table');
    const all = list(steps, 'steps');
    this.#steps += all.length + 1;
    if (this.#steps > queryPlanLimits.steps + 1) throw tooMuch('steps', queryPlanLimits.steps);
    for (const [at, step] of all.entries()) this.#step(fields(step, 'a step'), fieldsAfter(all[at + 1]));
  }

  #step(step: Fields, next: Fields | undefined): void {
    switch (step.kind) {
      case 'filter':
        return this.#value(step.condition);
      case 'select':
        return this.#columns(list(step.columns, 'columns'));
      case 'join':
        return this.#join(step);
      case 'aggregate':
        return this.#aggregate(step);
      case 'order':
        if (next !== undefined && next.kind !== 'limit')
          throw invalid('only limit follows order: other steps would forget it');
        for (const one of nonEmpty(step.by, 'what rows are ordered by')) this.#order(fields(one, 'an order'));
        return;
      case 'limit':
        requireWhole(step.offset, 'the offset of a limit');
        if (step.count !== undefined) requireWhole(step.count, 'the count of a limit');
        return;
      default:
        throw invalid(`a step is no ${shown(step.kind)}`);
    }
  }

  #columns(columns: readonly unknown[]): void {
    if (columns.length === 0) throw invalid('at least one column is selected');
    const known = columns.map((column) => fields(column, 'a column'));
    different(known.map((column) => name(column.name, 'a column')));
    for (const { value } of known) this.#value(value);
  }

  #join({ how, right, on, take }: Fields): void {
    if (!joins.has(how)) throw invalid(`a join is no ${shown(how)}`);
    this.rows(right);
    for (const pair of nonEmpty(on, 'the keys of a join')) {
      const [here, there, ...more] = list(pair, 'a pair of keys');
      name(here, 'a column');
      name(there, 'a column');
      if (more.length > 0) throw invalid('a pair of keys is two names');
    }
    if (take === undefined) return;
    const taken = list(take, 'what a join takes').map((one) => fields(one, 'a taken column'));
    different(taken.map((one) => name(one.name, 'a column')));
    for (const { column } of taken) name(column, 'a column');
  }

  #aggregate({ by, values }: Fields): void {
    const keys = list(by, 'what groups are by').map((key) => name(key, 'a column'));
    const aggregates = list(values, 'aggregates').map((one) => fields(one, 'an aggregate'));
    if (keys.length + aggregates.length === 0) throw invalid('groups have a key or an aggregate');
    different([...keys, ...aggregates.map((one) => name(one.name, 'a column'))]);
    for (const { function: of, value } of aggregates) {
      if (!functions.has(of)) throw invalid(`there is no aggregate ${shown(of)}`);
      if (value !== undefined) this.#value(value);
      else if (of !== 'count') throw invalid(`${shown(of)} is of a value`);
    }
  }

  #order({ value, descending = false, nullsFirst = false }: Fields): void {
    if (typeof descending !== 'boolean' || typeof nullsFirst !== 'boolean')
      throw invalid('descending and nullsFirst are true or false');
    this.#value(value);
  }

  #value(given: unknown, depth = 1): void {
    if (depth > queryPlanLimits.depth) throw tooMuch('values within values', queryPlanLimits.depth);
    this.#values += 1;
    if (this.#values > queryPlanLimits.values) throw tooMuch('values', queryPlanLimits.values);
    const value = fields(given, 'a value');
    if (value.kind === 'column') name(value.name, 'a column');
    else if (value.kind === 'literal') nativeParam(value.value, 'a literal');
    else if (value.kind === 'call') this.#call(value, depth);
    else throw invalid(`a value is no ${shown(value.kind)}`);
  }

  #call({ operation, values: given }: Fields, depth: number): void {
    const takes = typeof operation === 'string' && Object.hasOwn(operations, operation);
    if (!takes) throw invalid(`there is no operation ${shown(operation)}`);
    const [least, most] = operations[operation as PlanOperation];
    const values = list(given, `what ${operation} takes`);
    if (values.length < least || values.length > most)
      throw invalid(
        `${operation} takes ${least === most ? least : `${least} or more`} values, not ${values.length}`,
      );
    for (const value of values) this.#value(value, depth + 1);
    if (operation === 'in') literals(values.slice(1), 'in compares with literals');
    if (operation === 'startsWith')
      for (const value of literals(values.slice(1), 'startsWith takes a text'))
        if (typeof value !== 'string') throw invalid('startsWith takes a text');
  }
}

function literals(values: readonly unknown[], otherwise: string): readonly unknown[] {
  return values.map((value) => {
    const { kind, value: literal } = value as Fields;
    if (kind !== 'literal') throw invalid(otherwise);
    return literal;
  });
}

function fieldsAfter(step: unknown): Fields | undefined {
  return step === undefined ? undefined : fields(step, 'a step');
}

function fields(value: unknown, what: string): Fields {
  requireObject(value, what);
  return value as Fields;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${what} must be an array, not ${shown(value)}`);
  return value;
}

function nonEmpty(value: unknown, what: string): readonly unknown[] {
  const all = list(value, what);
  if (all.length === 0) throw invalid(`${what} must not be empty`);
  return all;
}

function name(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw invalid(`${what} is given by its name, not ${shown(value)}`);
}

function different(names: readonly string[]): void {
  const twice = names.find((one, at) => names.indexOf(one) !== at);
  if (twice !== undefined)
    throw new VarveError('SQL_NAME', {
      message: `two columns are called ${shown(twice)}`,
      hint: 'give one of them another name',
    });
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message });
}

function tooMuch(what: string, most: number): VarveError {
  return new VarveError('SQL_LIMIT', { message: `a plan has at most ${most} ${what}` });
}
