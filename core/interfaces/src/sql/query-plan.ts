/**
 * The contract of queries without SQL: a plan is data, and every engine that takes plans answers the same to one.
 *
 * A plan names a table and what happens to its rows, step by step; it has a version, and limits on its size. Builders
 * make plans (`from` of @varve/sql); one that came as JSON is as safe, since names and values stay what they are.
 *
 * What a plan means, whatever runs it:
 * 1. Conditions are three-valued. NULL compares with nothing, not even with NULL; a filter and a join keep rows whose
 *    condition is true. `and`, `or`, `not` and `in` are SQL's.
 * 2. Numbers compare as numbers, text by its bytes in UTF-8. -0 equals 0; NaN equals itself and is above all others. Dates
 *    and timestamps compare with moments (`Date`) and with ISO text, which must be one (`SQL_VALUE`). Other mixtures
 *    fail or not, as the engine has it.
 * 3. `+`, `-` and `*` of whole numbers give the wider of both types; what does not fit is `SQL_VALUE`, unless `and` or `or`
 *    of it with something else is settled without it. A whole number in a plan has 64 bits. Decimals stay exact. `/` is
 *    of doubles, and by zero is NULL.
 * 4. Aggregates leave NULL out; `count` without a column counts rows. Without values `count` is 0, others are NULL. `sum`
 *    of whole numbers has 64 bits, of decimals ten digits more; what does not fit is `SQL_VALUE`, also where others would
 *    bring it back; `avg` is a double. Sums of floating point numbers may differ in their last digits, since no order of adding is promised; `min` and `max` of
 *    groups with NaN give it or leave it out, as the engine has it (DataFusion leaves it out of groups).
 * 5. To groups NULL is a value: rows in which it is make a group. To joins it is none: a key with NULL matches nothing.
 * 6. Rows come in no promised order but where `order` is the last step, or only `limit` follows. NULLs come last, up and
 *    down, unless `nullsFirst`. Rows that compare equal come in any order.
 * 7. Names are exact. Columns of one result have different names.
 */
import type { PendingResult, QueryOptions } from './sql-engine.js';
import type { SqlRow, SqlScalar } from './sql-types.js';

/** The version of plans that this release writes, and the newest it runs. */
export const queryPlanVersion = 1;

/** What plans may have at most; more is `SQL_LIMIT`. */
export const queryPlanLimits = {
  /** Steps, those of joined plans among them. */
  steps: 16,
  /** Values within values. */
  depth: 24,
  /** Columns, literals and calls in all. */
  values: 1_000,
} as const;

/** A query as data. */
export interface QueryPlan extends PlanRows {
  readonly version: typeof queryPlanVersion;
}

/** Rows: those of a table, after some steps. */
export interface PlanRows {
  /** The table, in the schema `main`. */
  readonly table: string;
  readonly steps: readonly PlanStep[];
}

/** What a call computes. `startsWith` takes a text of the plan; parts of dates are whole numbers, in UTC. */
export type PlanOperation =
  | '='
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='
  | 'and'
  | 'or'
  | 'not'
  | 'isNull'
  | 'in'
  | 'startsWith'
  | '+'
  | '-'
  | '*'
  | '/'
  | 'lower'
  | 'upper'
  | 'year'
  | 'month'
  | 'day'
  | 'hour';

/** A value of a row. */
export type PlanValue =
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: SqlScalar }
  | { readonly kind: 'call'; readonly operation: PlanOperation; readonly values: readonly PlanValue[] };

/** A value with the name of its column. */
export interface PlanColumn {
  readonly name: string;
  readonly value: PlanValue;
}

/** What an aggregate computes of a group. */
export type PlanFunction = 'count' | 'countDistinct' | 'sum' | 'min' | 'max' | 'avg';

/** A value of a group with the name of its column. */
export interface PlanAggregate {
  readonly name: string;
  readonly function: PlanFunction;
  /** Absent for `count` of rows. */
  readonly value?: PlanValue;
}

/** By what rows are ordered. */
export interface PlanOrder {
  readonly value: PlanValue;
  readonly descending?: boolean;
  readonly nullsFirst?: boolean;
}

/** Which rows a join gives: pairs, also rows without one, rows that have one, rows that have none. */
export type PlanJoin = 'inner' | 'left' | 'semi' | 'anti';

/** One thing that happens to rows. */
export type PlanStep =
  /** Keeps rows for which the condition is true. */
  | { readonly kind: 'filter'; readonly condition: PlanValue }
  /** Puts other columns in the place of all. */
  | { readonly kind: 'select'; readonly columns: readonly PlanColumn[] }
  /**
   * Matches rows by equal keys, pairs of a column here and one there. Columns of `right` come behind: those of `take`, or
   * all but the keys of the same name as here. Semi and anti joins add none.
   */
  | {
      readonly kind: 'join';
      readonly how: PlanJoin;
      readonly right: PlanRows;
      readonly on: readonly (readonly [here: string, there: string])[];
      readonly take?: readonly { readonly name: string; readonly column: string }[];
    }
  /** One row per group: the columns that it is by, then the aggregates. By none, all rows are one group. */
  | {
      readonly kind: 'aggregate';
      readonly by: readonly string[];
      readonly values: readonly PlanAggregate[];
    }
  | { readonly kind: 'order'; readonly by: readonly PlanOrder[] }
  /** Leaves out `offset` rows, then all but `count`. */
  | { readonly kind: 'limit'; readonly count?: number; readonly offset: number };

/** A query that a builder made; `R` is how its rows look. */
export interface TableQuery<R extends object = SqlRow> {
  readonly plan: QueryPlan;
  /** Never there: it keeps the type of rows. */
  readonly row?: R;
}

/** What runs plans. */
export interface PlanEngine {
  /**
   * Runs a plan. It starts at once, whether or not its answer is read.
   *
   * Errors: `ARGUMENT_INVALID` and `SQL_LIMIT` for what is no plan, `CAPABILITY_MISSING` for a newer version, `SQL_NAME`,
   * `SQL_TYPE`, `SQL_VALUE`, `MEMORY_EXCEEDED`, `QUERY_CANCELLED`, `STORE_CLOSED`.
   */
  query<R extends object = SqlRow>(query: TableQuery<R>, options?: QueryOptions): PendingResult<R>;
}
