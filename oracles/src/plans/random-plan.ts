/** Random plans over two random tables, whose answers do not depend on the order of rows. */
import type {
  PlanAggregate,
  PlanOperation,
  PlanStep,
  PlanValue,
  QueryPlan,
  SqlScalar,
} from '@varve/interfaces';

/** What draws: a whole number below `count`. */
export type Below = (count: number) => number;

/** Kinds of columns that plans compute with. */
type Kind = 'integer' | 'float' | 'decimal' | 'text' | 'date' | 'truth';

/** Columns of a stage of a plan, and what they are. */
type Columns = ReadonlyMap<string, Kind>;

/** The columns of table `a`; `b` has `k`, `label` and `weight`. */
export const columnsOfA: Columns = new Map<string, Kind>([
  ['id', 'integer'],
  ['k', 'integer'],
  ['f', 'float'],
  ['d', 'decimal'],
  ['s', 'text'],
  ['day', 'date'],
  ['t', 'truth'],
]);
/** Texts that occur. */
export const words: readonly string[] = [
  '',
  'a',
  'A',
  'ab',
  'b',
  'zebra',
  'é',
  '日本',
  'a long text that is not inline',
];

const column = (name: string): PlanValue => ({ kind: 'column', name });
const literal = (value: SqlScalar): PlanValue => ({ kind: 'literal', value });
const call = (operation: PlanOperation, ...values: readonly PlanValue[]): PlanValue => ({
  kind: 'call',
  operation,
  values,
});

/** A plan; the same draws give the same one. */
export function randomPlan(below: Below): QueryPlan {
  return new Drawing(below).plan();
}

class Drawing {
  readonly #below: Below;

  constructor(below: Below) {
    this.#below = below;
  }

  plan(): QueryPlan {
    const steps: PlanStep[] = [];
    let columns = columnsOfA;
    const add = (step: PlanStep, after: Columns = columns): void => {
      steps.push(step);
      columns = after;
    };
    for (let filters = this.#below(3); filters > 0; filters -= 1)
      add({ kind: 'filter', condition: this.#truth(columns, 3) });
    if (this.#below(3) === 0) this.#join(columns, add);
    if (this.#below(3) === 0) this.#select(columns, add);
    if (this.#below(2) === 0) this.#aggregate(columns, add);
    if (this.#below(4) === 0) add({ kind: 'filter', condition: this.#truth(columns, 2) });
    const names = [...columns.keys()];
    const by = names.map((name) => ({
      value: column(name),
      descending: this.#below(2) === 0,
      nullsFirst: this.#below(2) === 0,
    }));
    add({ kind: 'order', by });
    add({ kind: 'limit', count: this.#below(60), offset: this.#below(3) });
    return { version: 1, table: 'a', steps };
  }

  #join(columns: Columns, add: (step: PlanStep, after: Columns) => void): void {
    const how = this.#pick(['inner', 'left', 'semi', 'anti'] as const);
    const right = {
      table: 'b',
      steps:
        this.#below(2) === 0
          ? []
          : [{ kind: 'filter', condition: call('>', column('weight'), literal(this.#below(4))) } as const],
    };
    const isPaired = how === 'inner' || how === 'left';
    const take = [{ name: 'label', column: 'label' }];
    const on = [['k', 'k']] as const;
    add(
      { kind: 'join', how, right, on, take },
      isPaired ? new Map([...columns, ['label', 'text']]) : columns,
    );
  }

  #select(columns: Columns, add: (step: PlanStep, after: Columns) => void): void {
    const kinds = ['integer', 'float', 'text', 'truth', 'decimal'] as const;
    const chosen = Array.from({ length: 1 + this.#below(4) }, (_, at) => ({
      name: `c${at}`,
      kind: this.#pick(kinds),
    }));
    const made = chosen.map(({ name, kind }) => ({ name, value: this.#value(columns, kind, 2) }));
    add({ kind: 'select', columns: made }, new Map(chosen.map(({ name, kind }) => [name, kind])));
  }

  #aggregate(columns: Columns, add: (step: PlanStep, after: Columns) => void): void {
    const keys = [...columns].filter(([name, kind]) => kind !== 'float' && name !== 'id');
    const by = keys.filter(() => this.#below(3) === 0).slice(0, 2);
    const values: PlanAggregate[] = [{ name: 'n', function: 'count' }];
    const after: [string, Kind][] = [...by, ['n', 'integer']];
    for (const [at, [name, kind]] of [...columns].entries()) {
      if (this.#below(2) === 0) continue;
      const isNumber = kind === 'integer' || kind === 'float' || kind === 'decimal';
      const of = this.#pick(
        isNumber
          ? (['sum', 'min', 'max', 'avg', 'count', 'countDistinct'] as const)
          : (['min', 'max', 'count', 'countDistinct'] as const),
      );
      if (kind === 'truth' && (of === 'min' || of === 'max')) continue;
      values.push({ name: `v${at}`, function: of, value: column(name) });
      after.push([`v${at}`, of.startsWith('count') ? 'integer' : of === 'avg' ? 'float' : kind]);
    }
    add({ kind: 'aggregate', by: by.map(([name]) => name), values }, new Map(after));
  }

  #truth(columns: Columns, depth: number): PlanValue {
    const kinds = ['integer', 'float', 'decimal', 'text', 'date'] as const;
    if (depth > 0 && this.#below(2) === 0) {
      const operation = this.#pick(['and', 'or', 'not'] as const);
      const values = Array.from({ length: operation === 'not' ? 1 : 2 }, () =>
        this.#truth(columns, depth - 1),
      );
      return call(operation, ...values);
    }
    const kind = this.#pick(kinds);
    const value = this.#value(columns, kind, 1);
    switch (this.#below(6)) {
      case 0:
        return call('isNull', value);
      case 1:
        return call('in', value, ...Array.from({ length: this.#below(4) }, () => this.#literal(kind)));
      case 2:
        return kind === 'text'
          ? call('startsWith', value, literal(this.#pick(words)))
          : this.#value(columns, 'truth', 0);
      default:
        return call(
          this.#pick(['=', '<>', '<', '<=', '>', '>='] as const),
          value,
          this.#below(3) === 0 ? this.#value(columns, kind, 1) : this.#literal(kind),
        );
    }
  }

  #value(columns: Columns, kind: Kind, depth: number): PlanValue {
    if (depth > 0 && this.#below(3) === 0) {
      const inner = (of: Kind): PlanValue => this.#value(columns, of, depth - 1);
      if (kind === 'text') return call(this.#pick(['lower', 'upper'] as const), inner('text'));
      if (kind === 'truth') return this.#truth(columns, depth - 1);
      if (kind === 'integer' && this.#below(3) === 0)
        return call(this.#pick(['year', 'month', 'day'] as const), inner('date'));
      if (kind === 'float' && this.#below(2) === 0)
        return call('/', inner(this.#pick(['integer', 'float'] as const)), inner('integer'));
      if (kind === 'integer' || kind === 'float')
        return call(this.#pick(['+', '-', '*'] as const), inner(kind), inner(kind));
      if (kind === 'decimal')
        return call(this.#pick(['+', '-'] as const), inner(kind), this.#literal('integer'));
    }
    const names = [...columns].filter(([, of]) => of === kind).map(([name]) => name);
    return names.length === 0 ? this.#literal(kind) : column(this.#pick(names));
  }

  #literal(kind: Kind): PlanValue {
    if (this.#below(20) === 0) return literal(null);
    switch (kind) {
      case 'integer':
      case 'decimal':
        return literal(this.#below(40) - 10);
      case 'float':
        return literal((this.#below(400) - 100) / 8);
      case 'text':
        return literal(this.#pick(words));
      case 'date':
        return literal(new Date(Date.UTC(2000, 0, this.#below(400))));
      case 'truth':
        return literal(this.#below(2) === 0);
    }
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)] as T;
  }
}
