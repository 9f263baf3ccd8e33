/** What the suite of plans needs to know of its subject, and plans as the suite writes them. */
import {
  type AppendColumns,
  type ColumnType,
  type PlanAggregate,
  type PlanEngine,
  type PlanFunction,
  type PlanOperation,
  type PlanStep,
  type PlanValue,
  type QueryPlan,
  queryPlanVersion,
  type SqlRow,
  type SqlScalar,
} from '@varve/interfaces';

/** A database that runs plans. */
export interface PlanSubject extends PlanEngine {
  /** Makes a table; its columns may be NULL but for those of the key. */
  createTable(
    name: string,
    columns: Readonly<Record<string, ColumnType>>,
    primaryKey?: readonly string[],
  ): Promise<void>;
  /** Appends rows. */
  append(table: string, columns: AppendColumns): Promise<number>;
  /** Lets go of it. */
  close(): Promise<void>;
}

/** Makes databases. */
export interface PlanFactory {
  /** A database in a new folder; whoever made the factory cleans up. */
  open(): Promise<PlanSubject>;
}

/** Opens a database with the tables of the suite, runs `body`, and closes it whatever happens. */
export async function withTables(
  factory: PlanFactory,
  body: (db: PlanSubject) => Promise<void>,
): Promise<void> {
  const db = await factory.open();
  try {
    await createTables(db);
    await body(db);
  } finally {
    await db.close();
  }
}

const day = (text: string): Date => new Date(`${text}T00:00:00Z`);

/** Six flights, of which the last knows nothing of itself, and three airports, one without a code. */
async function createTables(db: PlanSubject): Promise<void> {
  const key = { id: 'int64', origin: 'text', delay: 'int32', distance: 'float64' } as const;
  const rest = { fare: { decimal: [10, 2] }, day: 'date', at: 'timestamp', late: 'boolean' } as const;
  await db.createTable('flights', { ...key, ...rest }, ['id']);
  await db.append('flights', {
    id: [1n, 2n, 3n, 4n, 5n, 6n],
    origin: ['ABQ', 'BOS', 'ABQ', 'abq', 'BOS', null],
    delay: [5, 15, -3, 0, 40, null],
    distance: [100.5, 0, 250, Number.NaN, -1.5, null],
    fare: ['10.00', '99.99', '0.01', '-5.50', '10.00', null],
    day: [
      day('2001-01-01'),
      day('2001-01-02'),
      day('2001-02-28'),
      day('1969-12-31'),
      day('2001-01-01'),
      null,
    ],
    at: [...[0, 1, 2, 3, 4].map((hour) => new Date(Date.UTC(2001, 0, 1, hour, 30))), null],
    late: [false, true, false, false, true, null],
  });
  await db.createTable('airports', { code: 'text', city: 'text', origin: 'text' });
  await db.append('airports', {
    code: ['ABQ', 'SFO', null],
    city: ['Albuquerque', 'San Francisco', 'Nowhere'],
    origin: ['ABQ', 'BOS', 'x'],
  });
}

/** A column. */
export const c = (name: string): PlanValue => ({ kind: 'column', name });
/** A literal. */
export const l = (value: SqlScalar): PlanValue => ({ kind: 'literal', value });
/** A call. */
export const f = (operation: PlanOperation, ...values: readonly PlanValue[]): PlanValue => ({
  kind: 'call',
  operation,
  values,
});
/** An aggregate. */
export const agg = (name: string, of: PlanFunction, value?: PlanValue): PlanAggregate => ({
  name,
  function: of,
  ...(value === undefined ? {} : { value }),
});
/** A plan over flights. */
export const plan = (...steps: readonly PlanStep[]): QueryPlan => ({
  version: queryPlanVersion,
  table: 'flights',
  steps,
});
/** A filter. */
export const where = (condition: PlanValue): PlanStep => ({ kind: 'filter', condition });
/** Columns by name. */
export const select = (...names: readonly string[]): PlanStep => ({
  kind: 'select',
  columns: names.map((name) => ({ name, value: c(name) })),
});
/** One computed column. */
export const give = (value: PlanValue): PlanStep => ({ kind: 'select', columns: [{ name: 'v', value }] });
/** Rows in the order of a column. */
export const by = (...names: readonly string[]): PlanStep => ({
  kind: 'order',
  by: names.map((name) => ({ value: c(name) })),
});

/** The answer to a plan. */
export const rowsOf = (db: PlanEngine, query: QueryPlan): Promise<SqlRow[]> =>
  db.query({ plan: query }).rows();
