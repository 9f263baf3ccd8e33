/** Rows of the suite of plans: plans and their answers. */
import type { PlanJoin, PlanStep, QueryPlan, SqlRow } from '@varve/interfaces';
import { agg, by, c, f, give, l, plan, select, where } from './factory.js';

/** A join with airports. */
export const join = (how: PlanJoin, options: Partial<PlanStep & { kind: 'join' }> = {}): PlanStep => ({
  kind: 'join',
  how,
  right: { table: 'airports', steps: [] },
  on: [['origin', 'code']],
  take: [{ name: 'city', column: 'city' }],
  ...options,
});

const ids = (...steps: readonly PlanStep[]): QueryPlan => plan(...steps, select('id'), by('id'));

/** Plans and their answers. */
export const answers: readonly (readonly [string, QueryPlan, readonly SqlRow[]])[] = [
  ['the first none in order', plan(by('id'), { kind: 'limit', count: 0, offset: 1 }), []],
  ['conditions of no rows', plan(where(l(false)), where(f('or', f('in', c('id')), c('late')))), []],
  [
    'conditions of no rows after a join',
    plan(
      join('anti', { right: { table: 'flights', steps: [] }, on: [['id', 'id']] }),
      where(f('and', f('in', c('id')), c('late'))),
    ),
    [],
  ],
  [
    'columns by other names, and one twice',
    plan(where(f('=', c('id'), l(1))), {
      kind: 'select',
      columns: [
        { name: 'b', value: c('delay') },
        { name: 'a "quoted"', value: c('id') },
        { name: 'd', value: c('delay') },
      ],
    }),
    [{ b: 5, 'a "quoted"': 1n, d: 5 }],
  ],
  [
    'a filter of what was computed',
    plan(give(f('+', c('delay'), l(1))), where(f('>', c('v'), l(10))), by('v')),
    [{ v: 16n }, { v: 41n }],
  ],
  [
    'order up, NULL last',
    plan(by('delay', 'id'), { kind: 'limit', offset: 4 }, select('id')),
    [{ id: 5n }, { id: 6n }],
  ],
  [
    'order down, NULL last',
    plan(
      select('delay'),
      { kind: 'order', by: [{ value: c('delay'), descending: true }] },
      { kind: 'limit', count: 2, offset: 0 },
    ),
    [{ delay: 40 }, { delay: 15 }],
  ],
  [
    'order down, NULL first',
    plan(
      select('delay'),
      { kind: 'order', by: [{ value: c('delay'), descending: true, nullsFirst: true }] },
      { kind: 'limit', count: 2, offset: 0 },
    ),
    [{ delay: null }, { delay: 40 }],
  ],
  [
    'order by several and by something computed',
    plan(select('id', 'origin'), {
      kind: 'order',
      by: [{ value: f('lower', c('origin')) }, { value: f('-', l(0), c('id')) }],
    }),
    [
      { id: 4n, origin: 'abq' },
      { id: 3n, origin: 'ABQ' },
      { id: 1n, origin: 'ABQ' },
      { id: 5n, origin: 'BOS' },
      { id: 2n, origin: 'BOS' },
      { id: 6n, origin: null },
    ],
  ],
  [
    'order of doubles: NaN above all',
    plan(
      select('id', 'distance'),
      { kind: 'order', by: [{ value: c('distance'), descending: true }] },
      { kind: 'limit', count: 2, offset: 0 },
    ),
    [
      { id: 4n, distance: Number.NaN },
      { id: 3n, distance: 250 },
    ],
  ],
  [
    'a limit after an offset',
    plan(select('id'), by('id'), { kind: 'limit', count: 2, offset: 3 }),
    [{ id: 4n }, { id: 5n }],
  ],
  ['a limit of nothing', plan(select('id'), { kind: 'limit', count: 0, offset: 0 }), []],
  ['an offset beyond the end', plan(select('id'), { kind: 'limit', offset: 10 }), []],
  [
    'a limit of a limit',
    plan(
      select('id'),
      by('id'),
      { kind: 'limit', count: 4, offset: 0 },
      { kind: 'limit', count: 9, offset: 3 },
    ),
    [{ id: 4n }],
  ],
  [
    'aggregates of all',
    plan({
      kind: 'aggregate',
      by: [],
      values: [
        agg('n', 'count'),
        agg('delays', 'count', c('delay')),
        agg('origins', 'countDistinct', c('origin')),
        agg('sum', 'sum', c('delay')),
        agg('least', 'min', c('delay')),
        agg('most', 'max', c('origin')),
        agg('mean', 'avg', c('delay')),
        agg('fares', 'sum', c('fare')),
        agg('first', 'min', c('day')),
        agg('cheap', 'min', c('fare')),
        agg('far', 'max', c('distance')),
        agg('price', 'avg', c('fare')),
      ],
    }),
    [
      {
        n: 6n,
        delays: 5n,
        origins: 3n,
        sum: 57n,
        least: -3,
        most: 'abq',
        mean: 11.4,
        fares: '114.50',
        first: new Date('1969-12-31T00:00:00Z'),
        cheap: '-5.50',
        far: Number.NaN,
        price: 22.9,
      },
    ],
  ],
  [
    'aggregates of nothing',
    plan(where(l(false)), {
      kind: 'aggregate',
      by: [],
      values: [
        agg('n', 'count'),
        agg('d', 'countDistinct', c('origin')),
        agg('s', 'sum', c('delay')),
        agg('m', 'min', c('origin')),
        agg('a', 'avg', c('delay')),
      ],
    }),
    [{ n: 0n, d: 0n, s: null, m: null, a: null }],
  ],
  [
    'groups of nothing',
    plan(where(l(false)), { kind: 'aggregate', by: ['origin'], values: [agg('n', 'count')] }),
    [],
  ],
  [
    'groups, NULL among them',
    plan(
      {
        kind: 'aggregate',
        by: ['origin'],
        values: [agg('n', 'count'), agg('s', 'sum', c('delay')), agg('m', 'max', c('fare'))],
      },
      by('origin'),
    ),
    [
      { origin: 'ABQ', n: 2n, s: 2n, m: '10.00' },
      { origin: 'BOS', n: 2n, s: 55n, m: '99.99' },
      { origin: 'abq', n: 1n, s: 0n, m: '-5.50' },
      { origin: null, n: 1n, s: null, m: null },
    ],
  ],
  [
    'groups by two columns',
    plan({ kind: 'aggregate', by: ['late', 'origin'], values: [agg('n', 'count')] }, by('late', 'origin'), {
      kind: 'limit',
      count: 2,
      offset: 0,
    }),
    [
      { late: false, origin: 'ABQ', n: 2n },
      { late: false, origin: 'abq', n: 1n },
    ],
  ],
  [
    'groups without aggregates are different rows',
    plan({ kind: 'aggregate', by: ['late'], values: [] }, by('late')),
    [{ late: false }, { late: true }, { late: null }],
  ],
  [
    'a filter of groups',
    plan(
      { kind: 'aggregate', by: ['origin'], values: [agg('n', 'count')] },
      where(f('>', c('n'), l(1))),
      by('origin'),
    ),
    [
      { origin: 'ABQ', n: 2n },
      { origin: 'BOS', n: 2n },
    ],
  ],
  [
    'an aggregate of something computed',
    plan({ kind: 'aggregate', by: [], values: [agg('s', 'sum', f('*', c('delay'), l(2)))] }),
    [{ s: 114n }],
  ],
  [
    'a join gives pairs',
    plan(join('inner'), select('id', 'city'), by('id')),
    [
      { id: 1n, city: 'Albuquerque' },
      { id: 3n, city: 'Albuquerque' },
    ],
  ],
  [
    'a left join keeps rows without one',
    plan(join('left'), select('id', 'city'), by('id')),
    [
      { id: 1n, city: 'Albuquerque' },
      { id: 2n, city: null },
      { id: 3n, city: 'Albuquerque' },
      { id: 4n, city: null },
      { id: 5n, city: null },
      { id: 6n, city: null },
    ],
  ],
  ['a semi join', ids(join('semi')), [{ id: 1n }, { id: 3n }]],
  ['an anti join keeps keys with NULL', ids(join('anti')), [{ id: 2n }, { id: 4n }, { id: 5n }, { id: 6n }]],
  [
    'a join with several rows there',
    plan(
      {
        kind: 'join',
        how: 'inner',
        right: { table: 'flights', steps: [] },
        on: [['origin', 'origin']],
        take: [{ name: 'other', column: 'id' }],
      },
      { kind: 'aggregate', by: [], values: [agg('n', 'count'), agg('s', 'sum', c('other'))] },
    ),
    [{ n: 9n, s: 26n }],
  ],
  [
    'a join by two keys',
    plan(
      {
        kind: 'join',
        how: 'inner',
        right: { table: 'flights', steps: [] },
        on: [
          ['origin', 'origin'],
          ['late', 'late'],
        ],
        take: [{ name: 'other', column: 'id' }],
      },
      { kind: 'aggregate', by: [], values: [agg('n', 'count')] },
    ),
    [{ n: 9n }],
  ],
  [
    'a join of keys of two types',
    plan(
      {
        kind: 'join',
        how: 'inner',
        right: { table: 'flights', steps: [] },
        on: [['id', 'delay']],
        take: [{ name: 'other', column: 'id' }],
      },
      select('id', 'other'),
    ),
    [{ id: 5n, other: 1n }],
  ],
  [
    'a join takes all columns but the keys of one name',
    plan(
      select('id', 'origin'),
      join('inner', {
        right: { table: 'airports', steps: [where(f('=', c('origin'), l('ABQ')))] },
        on: [['origin', 'origin']],
        take: undefined as never,
      }),
      by('id'),
    ),
    [
      { id: 1n, origin: 'ABQ', code: 'ABQ', city: 'Albuquerque' },
      { id: 3n, origin: 'ABQ', code: 'ABQ', city: 'Albuquerque' },
    ],
  ],
  [
    'a join of groups',
    plan(
      join('inner', {
        right: {
          table: 'flights',
          steps: [{ kind: 'aggregate', by: ['origin'], values: [agg('n', 'count')] }],
        },
        on: [['origin', 'origin']],
        take: [{ name: 'others', column: 'n' }],
      }),
      select('id', 'others'),
      by('id'),
    ),
    [
      { id: 1n, others: 2n },
      { id: 2n, others: 2n },
      { id: 3n, others: 2n },
      { id: 4n, others: 1n },
      { id: 5n, others: 2n },
    ],
  ],
  [
    'groups after a join',
    plan(join('left'), { kind: 'aggregate', by: ['city'], values: [agg('n', 'count')] }, by('city')),
    [
      { city: 'Albuquerque', n: 2n },
      { city: null, n: 4n },
    ],
  ],
];
