/** The suite of plans: what each step and each operation gives, and what is refused. */
import type { ErrorCode, PlanOperation, PlanValue, QueryPlan, SqlRow } from '@varve/interfaces';
import type { Case } from '../case.js';
import { rejectsCode } from '../checks.js';
import { same } from '../sql-engine/factory.js';
import { answers, join } from './answer-cases.js';
import {
  agg,
  by,
  c,
  f,
  give,
  l,
  type PlanFactory,
  plan,
  rowsOf,
  select,
  where,
  withTables,
} from './factory.js';
import { computed, conditions } from './value-cases.js';

const untyped = <T>(value: unknown): T => value as T;
const nested = (depth: number): PlanValue => (depth === 0 ? l(true) : f('not', nested(depth - 1)));
const bare = (...steps: readonly unknown[]): QueryPlan => untyped({ version: 1, table: 'flights', steps });

/** What is refused, and the code. */
const refusals: readonly (readonly [string, QueryPlan, ErrorCode])[] = [
  ['another version', untyped({ version: 2, table: 'flights', steps: [] }), 'CAPABILITY_MISSING'],
  ['no version', untyped({ table: 'flights', steps: [] }), 'ARGUMENT_INVALID'],
  ['no steps', untyped({ version: 1, table: 'flights' }), 'ARGUMENT_INVALID'],
  ['no table', untyped({ version: 1, table: '', steps: [] }), 'ARGUMENT_INVALID'],
  ['an unknown step', bare({ kind: 'drop' }), 'ARGUMENT_INVALID'],
  ['a step that is none', bare(null), 'ARGUMENT_INVALID'],
  ['an unknown operation', plan(where(f(untyped<PlanOperation>('constructor'), l(1)))), 'ARGUMENT_INVALID'],
  ['a product that does not fit', plan(where(f('>', f('*', c('id'), l(2n ** 62n)), l(0)))), 'SQL_VALUE'],
  [
    'a sum that does not fit',
    plan(where(f('<', c('id'), l(4))), {
      kind: 'aggregate',
      by: [],
      values: [agg('s', 'sum', f('*', c('id'), l(2n ** 61n)))],
    }),
    'SQL_VALUE',
  ],
  ['too few values', plan(where(f('=', l(1)))), 'ARGUMENT_INVALID'],
  ['a literal that is none', plan(where(l(untyped({})))), 'ARGUMENT_INVALID'],
  ['columns in a list', plan(where(f('in', c('id'), c('delay')))), 'ARGUMENT_INVALID'],
  ['a limit below zero', plan({ kind: 'limit', count: -1, offset: 0 }), 'ARGUMENT_INVALID'],
  ['an order that a step forgets', plan(by('id'), select('id')), 'ARGUMENT_INVALID'],
  ['a join without keys', plan(join('inner', { on: [] })), 'ARGUMENT_INVALID'],
  ['two columns of one name', plan(select('id', 'id')), 'SQL_NAME'],
  ['values nested too deeply', plan(where(nested(30))), 'SQL_LIMIT'],
  [
    'too many values',
    plan(where(f('in', c('id'), ...Array.from({ length: 1_000 }, (_, at) => l(at))))),
    'SQL_LIMIT',
  ],
  ['too many steps', plan(...Array.from({ length: 17 }, () => where(l(true)))), 'SQL_LIMIT'],
  ['an unknown table', untyped({ version: 1, table: 'Flights', steps: [] }), 'SQL_NAME'],
  ['an unknown column', plan(where(f('=', c('nothing'), l(1)))), 'SQL_NAME'],
  ['a column that was left out', plan(select('id'), where(c('late'))), 'SQL_NAME'],
  ['an unknown key', plan(join('inner', { on: [['nothing', 'code']] })), 'SQL_NAME'],
  ['arithmetic of text', plan(give(f('+', c('origin'), l(1)))), 'SQL_TYPE'],
  ['text that is no date', plan(where(f('=', c('day'), l('soon')))), 'SQL_VALUE'],
];

const ids = (condition: PlanValue): QueryPlan => plan(where(condition), select('id'), by('id'));

/** Every promise of plans. */
export const planEngineCases: readonly Case<PlanFactory>[] = [
  ...conditions.map(([name, condition, kept]) =>
    answering(
      `where ${name}`,
      ids(condition),
      kept.map((id) => ({ id })),
    ),
  ),
  ...computed.map(([name, value, values]) => {
    const columns = [
      { name: 'v', value },
      { name: 'id', value: c('id') },
    ];
    const rows = values.map((v, at) => ({ v, id: BigInt(at + 1) }));
    return answering(name, plan({ kind: 'select', columns }, by('id')), rows);
  }),
  ...answers.map(([name, query, rows]) => answering(name, query, rows)),
  ...refusals.map(([name, query, code]) => ({
    name: `refuses ${name}`,
    run: (factory: PlanFactory) =>
      withTables(factory, (db) => rejectsCode(code, () => rowsOf(db, query), name)),
  })),
  {
    name: 'an answer has fields, batches, columns and Arrow, and can be cancelled',
    run: (factory) =>
      withTables(factory, async (db) => {
        const query = { plan: plan(select('id', 'origin'), by('id')) };
        const result = await db.query(query);
        same(
          result.fields.map(({ name, type }) => [name, type.kind]),
          [
            ['id', 'integer'],
            ['origin', 'text'],
          ],
        );
        same(result.rowsAffected, undefined);
        const sizes: number[] = [];
        for await (const batch of db.query(query, { batchRows: 4 }).batches()) sizes.push(batch.rowCount);
        same(sizes, [4, 2]);
        same((await db.query(query, { int64: 'number' }).columns()).id?.length, 6);
        same((await db.query(query).arrow()).length > 0, true);
        const signal = AbortSignal.abort(new Error('enough'));
        await rejectsCode('QUERY_CANCELLED', () => db.query(query, { signal }));
      }),
  },
];

function answering(name: string, query: QueryPlan, rows: readonly SqlRow[]): Case<PlanFactory> {
  return {
    name,
    run: (factory) =>
      withTables(factory, async (db) => {
        same(await rowsOf(db, query), rows, name);
      }),
  };
}
