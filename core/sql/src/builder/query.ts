/** Queries as programs write them, step by step. A query never changes: each call gives another one. */
import {
  type PlanJoin,
  type PlanOrder,
  type PlanRows,
  type PlanStep,
  type QueryPlan,
  queryPlanVersion,
  type SqlRow,
  type TableQuery,
} from '@varve/interfaces';
import { type Aggregate, asc, columnOrValue, Value } from './values.js';

/** What a join gives, and which columns of the other table come along. */
export interface JoinOptions {
  /** `inner` by default. */
  readonly how?: PlanJoin;
  /** Their names, or new names with theirs; by default all but the keys that are called as here. */
  readonly take?: readonly string[] | Readonly<Record<string, string>>;
}

/** How rows of groups look. */
export type GroupRow<R, K extends keyof R, A> = Pick<R, K> & {
  readonly [Name in keyof A]: A[Name] extends Aggregate<infer T> ? T : never;
};

/** Groups that wait for what is computed of them. */
export interface Groups<R extends object, K extends keyof R & string> {
  /** One row per group: what it is by, then these by their names. */
  aggregate<A extends Readonly<Record<string, Aggregate>>>(values: A): Query<GroupRow<R, K, A>>;
}

/** A query; `from` begins one. */
export class Query<R extends object = SqlRow> implements TableQuery<R> {
  readonly plan: QueryPlan;
  declare readonly row?: R;

  constructor(plan: QueryPlan) {
    this.plan = plan;
    Object.freeze(this);
  }

  /** Keeps the rows for which all conditions are true. */
  where(...conditions: readonly Value[]): Query<R> {
    return this.#then(...conditions.map(({ plan }) => ({ kind: 'filter', condition: plan }) as const));
  }

  /** Gives these columns only, by their names or as values with new ones. */
  select<K extends keyof R & string>(...names: readonly K[]): Query<Pick<R, K>>;
  select<C extends object = SqlRow>(columns: Readonly<Record<string, string | Value>>): Query<C>;
  select(...given: readonly (string | Readonly<Record<string, string | Value>>)[]): Query {
    const columns = given.flatMap((part) =>
      typeof part === 'string'
        ? [{ name: part, value: columnOrValue(part) }]
        : Object.entries(part).map(([name, value]) => ({ name, value: columnOrValue(value) })),
    );
    return this.#then({ kind: 'select', columns });
  }

  /**
   * Matches rows of another table or query by equal keys: names that both have, or names here with those there.
   * `join('airports', {origin: 'code'})`.
   */
  join<O extends object = SqlRow>(
    other: string | TableQuery<O>,
    on: readonly string[] | Readonly<Record<string, string>>,
    { how = 'inner', take }: JoinOptions = {},
  ): Query<R & O> {
    const right: PlanRows =
      typeof other === 'string'
        ? { table: other, steps: [] }
        : { table: other.plan.table, steps: other.plan.steps };
    const taken = take === undefined ? {} : { take: pairs(take).map(([name, column]) => ({ name, column })) };
    return this.#then({ kind: 'join', how, right, on: pairs(on), ...taken });
  }

  /** Makes groups of rows that have the same in these columns. */
  groupBy<K extends keyof R & string>(...by: readonly K[]): Groups<R, K> {
    return {
      aggregate: (values) => {
        const list = Object.entries(values).map(([name, { function: of, value }]) => ({
          name,
          function: of,
          ...(value === undefined ? {} : { value }),
        }));
        return this.#then({ kind: 'aggregate', by, values: list });
      },
    };
  }

  /** Computes these of all rows together: one row. */
  aggregate<A extends Readonly<Record<string, Aggregate>>>(values: A): Query<GroupRow<R, never, A>> {
    return this.groupBy<never>().aggregate(values);
  }

  /** Orders rows: by names and values upwards, and as `desc` and `asc` say. */
  orderBy(...by: readonly (string | Value | PlanOrder)[]): Query<R> {
    const order = by.map((one) => (typeof one === 'string' || one instanceof Value ? asc(one) : one));
    return this.#then({ kind: 'order', by: order });
  }

  /** Leaves out `offset` rows and gives `count` of the others at most. */
  limit(count: number, offset = 0): Query<R> {
    return this.#then({ kind: 'limit', count, offset });
  }

  /** Leaves out the first rows. */
  offset(rows: number): Query<R> {
    return this.#then({ kind: 'limit', offset: rows });
  }

  #then<N extends object>(...steps: readonly PlanStep[]): Query<N> {
    return new Query<N>({ ...this.plan, steps: [...this.plan.steps, ...steps] });
  }
}

/** Begins a query of a table. @typeParam R how its rows look; `varve types` writes it */
export function from<R extends object = SqlRow>(table: string): Query<R> {
  return new Query<R>({ version: queryPlanVersion, table, steps: [] });
}

function pairs(
  names: readonly string[] | Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] {
  return Array.isArray(names) ? names.map((name) => [name, name]) : Object.entries(names);
}
