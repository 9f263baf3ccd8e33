/** Values of rows as programs write them: columns, literals, and what is computed of them. They never change. */
import type {
  PlanFunction,
  PlanOperation,
  PlanOrder,
  PlanValue,
  SqlScalar,
  SqlValue,
} from '@varve/interfaces';

/** What may stand where a value is expected: a `Value`, or a literal. */
export type ValueLike = Value | SqlScalar;

/** A value of a row. */
export class Value {
  /** As a plan has it. */
  readonly plan: PlanValue;

  constructor(plan: PlanValue) {
    this.plan = plan;
    Object.freeze(this);
  }

  /** Whether it equals another; NULL equals nothing. */
  eq(other: ValueLike): Value {
    return call('=', this, other);
  }

  /** Whether it differs from another. */
  ne(other: ValueLike): Value {
    return call('<>', this, other);
  }

  /** Whether it is less than another. */
  lt(other: ValueLike): Value {
    return call('<', this, other);
  }

  /** Whether it is less than another or equal. */
  lte(other: ValueLike): Value {
    return call('<=', this, other);
  }

  /** Whether it is greater than another. */
  gt(other: ValueLike): Value {
    return call('>', this, other);
  }

  /** Whether it is greater than another or equal. */
  gte(other: ValueLike): Value {
    return call('>=', this, other);
  }

  /** Whether it lies between two others, or equals one of them. */
  between(low: ValueLike, high: ValueLike): Value {
    return this.gte(low).and(this.lte(high));
  }

  /** Whether it is one of these literals; of none, false. */
  in(values: readonly SqlScalar[]): Value {
    return call('in', this, ...values);
  }

  /** Whether it is NULL. */
  isNull(): Value {
    return call('isNull', this);
  }

  /** Whether it is not NULL. */
  isNotNull(): Value {
    return this.isNull().not();
  }

  /** Whether a text begins with another. */
  startsWith(prefix: string): Value {
    return call('startsWith', this, prefix);
  }

  /** Whether all are true. */
  and(...others: readonly Value[]): Value {
    return call('and', this, ...others);
  }

  /** Whether one is true. */
  or(...others: readonly Value[]): Value {
    return call('or', this, ...others);
  }

  /** Whether it is false. */
  not(): Value {
    return call('not', this);
  }

  /** The sum. */
  add(other: ValueLike): Value {
    return call('+', this, other);
  }

  /** The difference. */
  sub(other: ValueLike): Value {
    return call('-', this, other);
  }

  /** The product. */
  mul(other: ValueLike): Value {
    return call('*', this, other);
  }

  /** The quotient as a double; by zero NULL. */
  div(other: ValueLike): Value {
    return call('/', this, other);
  }

  /** A text in lower case. */
  lower(): Value {
    return call('lower', this);
  }

  /** A text in upper case. */
  upper(): Value {
    return call('upper', this);
  }

  /** The year of a date or timestamp. */
  year(): Value {
    return call('year', this);
  }

  /** The month, 1 to 12. */
  month(): Value {
    return call('month', this);
  }

  /** The day of the month, 1 to 31. */
  day(): Value {
    return call('day', this);
  }

  /** The hour of a timestamp, 0 to 23. */
  hour(): Value {
    return call('hour', this);
  }
}

/** The column of this name. */
export function col(name: string): Value {
  return new Value({ kind: 'column', name });
}

/** A literal, for where it stands first: `lit(1).sub(col('share'))`. */
export function lit(value: SqlScalar): Value {
  return new Value({ kind: 'literal', value });
}

/** An aggregate of a group; `T` is what it gives out. */
export class Aggregate<T = SqlValue> {
  readonly function: PlanFunction;
  readonly value: PlanValue | undefined;
  /** Never there: it keeps the type. */
  declare readonly gives?: T;

  constructor(name: PlanFunction, value?: PlanValue) {
    this.function = name;
    this.value = value;
    Object.freeze(this);
  }
}

/** How many rows, or how many values that are not NULL. */
export function count(of?: string | Value): Aggregate<bigint> {
  return new Aggregate('count', of === undefined ? undefined : columnOrValue(of));
}

/** How many different values that are not NULL. */
export function countDistinct(of: string | Value): Aggregate<bigint> {
  return new Aggregate('countDistinct', columnOrValue(of));
}

/** The sum; its type follows that of what is added up. */
export function sum<T = bigint | number | string | null>(of: string | Value): Aggregate<T> {
  return new Aggregate('sum', columnOrValue(of));
}

/** The least value. */
export function min<T = SqlValue>(of: string | Value): Aggregate<T> {
  return new Aggregate('min', columnOrValue(of));
}

/** The greatest value. */
export function max<T = SqlValue>(of: string | Value): Aggregate<T> {
  return new Aggregate('max', columnOrValue(of));
}

/** The mean as a double. */
export function avg(of: string | Value): Aggregate<number | null> {
  return new Aggregate('avg', columnOrValue(of));
}

/** Upwards, which a name or value alone means too. */
export function asc(
  of: string | Value,
  { nulls = 'last' }: { readonly nulls?: 'first' | 'last' } = {},
): PlanOrder {
  return { value: columnOrValue(of), nullsFirst: nulls === 'first' };
}

/** Downwards. */
export function desc(
  of: string | Value,
  { nulls = 'last' }: { readonly nulls?: 'first' | 'last' } = {},
): PlanOrder {
  return { value: columnOrValue(of), descending: true, nullsFirst: nulls === 'first' };
}

/** A name stands for its column. */
export function columnOrValue(of: string | Value): PlanValue {
  return (of instanceof Value ? of : col(of)).plan;
}

function call(operation: PlanOperation, ...values: readonly ValueLike[]): Value {
  const plans = values.map((value) => (value instanceof Value ? value : lit(value)).plan);
  return new Value({ kind: 'call', operation, values: plans });
}
