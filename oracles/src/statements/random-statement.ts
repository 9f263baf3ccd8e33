/**
 * Random queries over random tables, whose answers do not depend on chance: rows come in no order or in one that all columns
 * give, and so do those of a window that counts rows.
 *
 * The fewer and smaller the draws, the simpler the query: what draws smaller numbers finds a smaller one.
 */

/** What draws: a whole number below `count`, 0 for the simplest. */
export type Below = (count: number) => number;

type Kind = 'integer' | 'decimal' | 'text' | 'date' | 'truth';

/** A value that may be written where it is in scope. */
interface Column {
  readonly sql: string;
  readonly kind: Kind;
}

/** Something in FROM. */
interface Source {
  readonly sql: string;
  readonly columns: readonly Column[];
}

interface Query {
  readonly sql: string;
  /** Its columns are `c0`, `c1` and so on. */
  readonly kinds: readonly Kind[];
}

/** The tables, with columns that have the same name in each. */
export const tables: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  t: { i: 'integer', a: 'integer', b: 'integer', s: 'text', n: 'decimal', d: 'date', y: 'truth' },
  u: { i: 'integer', a: 'integer', b: 'integer', s: 'text', e: 'date' },
  w: { i: 'integer', a: 'integer', s: 'text', m: 'decimal', z: 'truth' },
};

const literals: Readonly<Record<Kind, readonly string[]>> = {
  integer: ['1', '0', '2', '3', '-1', 'NULL'],
  decimal: ['1.5', '0.00', '2.25', '-3', 'NULL'],
  text: ["'a'", "''", "'b'", "'ab'", "'B'", 'NULL'],
  date: ["DATE '2020-01-02'", "DATE '2020-02-01'", "DATE '1999-12-31'"],
  truth: ['TRUE', 'FALSE', 'NULL'],
};

const sqlTypes: Readonly<Record<Kind, string>> = {
  integer: 'BIGINT',
  decimal: 'DECIMAL(12, 4)',
  text: 'VARCHAR',
  date: 'DATE',
  truth: 'BOOLEAN',
};

/** The literal that a column of a table may have. @param at chosen by whoever fills the table */
export function literal(kind: Kind, at: number): string {
  const some = literals[kind];
  return some[at % some.length] as string;
}

/** A column of a table as CREATE TABLE has it. */
export function sqlType(kind: Kind): string {
  return sqlTypes[kind];
}

/** A query; the same draws give the same one. */
export function randomStatement(below: Below): { readonly sql: string; readonly isOrdered: boolean } {
  const drawing = new Drawing(below);
  const { sql, kinds } = drawing.query(3, []);
  if (below(2) === 0) return { sql, isOrdered: false };
  return { sql: `SELECT * FROM (${sql}) AS q ${drawing.order(kinds)}`, isOrdered: true };
}

class Drawing {
  readonly #below: Below;
  #names = 0;

  constructor(below: Below) {
    this.#below = below;
  }

  /** @param outer columns of queries around it @param wanted of which kinds its columns are, if not of any */
  query(depth: number, outer: readonly Column[], wanted?: readonly Kind[]): Query {
    if (depth > 0 && this.#oneIn(6)) return this.#combined(depth - 1, outer, wanted);
    const query = this.#select(depth, outer, wanted);
    if (depth > 0 && this.#oneIn(6)) return this.#limited(query);
    return query;
  }

  /** ORDER BY all columns, each its way, and now and then a limit. */
  order(kinds: readonly Kind[]): string {
    const places = this.#shuffled(kinds.map((_, at) => String(at + 1)));
    const limit = this.#oneIn(3) ? ` LIMIT ${1 + this.#below(8)} OFFSET ${this.#below(3)}` : '';
    return `ORDER BY ${this.#directed(places)}${limit}`;
  }

  #limited({ sql, kinds }: Query): Query {
    const places = this.#directed(kinds.map((_, at) => String(at + 1)));
    return { sql: `(SELECT * FROM (${sql}) AS q ORDER BY ${places} LIMIT ${1 + this.#below(9)})`, kinds };
  }

  #combined(depth: number, outer: readonly Column[], wanted?: readonly Kind[]): Query {
    const left = this.query(depth, outer, wanted);
    const right = this.query(depth, outer, left.kinds);
    const how = this.#pick(['UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT', 'INTERSECT ALL', 'EXCEPT ALL']);
    return { sql: `(${left.sql}) ${how} (${right.sql})`, kinds: left.kinds };
  }

  #select(depth: number, outer: readonly Column[], wanted?: readonly Kind[]): Query {
    const source = this.#from(depth);
    const inner = source.columns;
    const scope = [...inner, ...outer];
    const where = this.#oneIn(2) ? ` WHERE ${this.#truth(scope, depth)}` : '';
    const kinds =
      wanted ?? Array.from({ length: 1 + this.#below(4) }, () => this.#pick(inner.map(({ kind }) => kind)));
    const from = `FROM ${source.sql}${where}`;
    switch (this.#below(5)) {
      case 3:
        return this.#grouped(from, inner, kinds, depth, outer.length > 0);
      case 4:
        return this.#windowed(from, inner, kinds);
      default: {
        const distinct = this.#oneIn(5) ? 'DISTINCT ' : '';
        const items = kinds.map((kind) => this.#value(kind, scope, depth));
        return { sql: `SELECT ${distinct}${named(items)} ${from}`, kinds };
      }
    }
  }

  #from(depth: number): Source {
    let { sql, columns } = this.#source(depth);
    for (let joins = this.#pick([0, 0, 1, 1, 2]); joins > 0; joins -= 1) {
      const how = this.#pick(['JOIN', 'LEFT JOIN', 'CROSS JOIN', 'RIGHT JOIN', 'FULL JOIN', 'LATERAL']);
      if (how === 'LATERAL') {
        const right = this.#lateral(columns);
        sql += right.sql;
        columns = [...columns, ...right.columns];
        continue;
      }
      const right = this.#source(depth - 1);
      const condition = how === 'CROSS JOIN' ? '' : this.#on(how, columns, right.columns);
      sql += ` ${how} ${right.sql}${condition}`;
      columns = [...columns, ...right.columns];
    }
    return { sql, columns };
  }

  #lateral(left: readonly Column[]): Source {
    const { sql, kinds } = this.#select(0, left);
    const name = this.#name();
    const how = this.#pick(['JOIN', 'LEFT JOIN']);
    return { sql: ` ${how} LATERAL (${sql}) AS ${name} ON TRUE`, columns: columnsOf(name, kinds) };
  }

  #on(how: string, left: readonly Column[], right: readonly Column[]): string {
    const pairs = left.flatMap((one) =>
      right.filter(({ kind }) => kind === one.kind).map((other) => [one.sql, other.sql] as const),
    );
    if (pairs.length === 0) return ' ON TRUE';
    const [one, other] = this.#pick(pairs);
    const name = nameOf(one);
    if (
      name === nameOf(other) &&
      left.filter(({ sql }) => nameOf(sql) === name).length === 1 &&
      this.#oneIn(2)
    )
      return ` USING (${name})`;
    const rest = how !== 'FULL JOIN' && this.#oneIn(3) ? ` AND ${this.#truth([...left, ...right], 0)}` : '';
    return ` ON ${one} = ${other}${rest}`;
  }

  #source(depth: number): Source {
    const name = this.#name();
    if (depth > 0 && this.#oneIn(4)) {
      // A query in FROM sees nothing around it.
      const { sql, kinds } = this.query(depth - 1, []);
      return { sql: `(${sql}) AS ${name}`, columns: columnsOf(name, kinds) };
    }
    const [table, columns] = this.#pick(Object.entries(tables));
    return {
      sql: `${table} AS ${name}`,
      columns: Object.entries(columns).map(([column, kind]) => ({ sql: `${name}.${column}`, kind })),
    };
  }

  #grouped(
    from: string,
    inner: readonly Column[],
    wanted: readonly Kind[],
    depth: number,
    isWithin: boolean,
  ): Query {
    const keys = this.#shuffled(inner).slice(0, 1 + this.#below(3));
    const names = keys.map(({ sql }) => sql);
    const list = names.join(', ');
    const groups = this.#pick([
      list,
      list,
      `ROLLUP (${list})`,
      `CUBE (${list})`,
      `GROUPING SETS ((${list}), (${names[0]}), ())`,
      `GROUPING SETS ((${names.at(-1)}), (${list}))`,
      `${names[0]}, ROLLUP (${list})`,
    ]);
    const isSets = groups !== list;
    const of = (kind: Kind): string => {
      const some = keys.filter((key) => key.kind === kind);
      if (some.length > 0 && !this.#oneIn(3)) return this.#pick(some).sql;
      // Of () where there are no rows it is NULL to DuckDB 1.5.6, if the query is about rows around it.
      if (kind === 'integer' && isSets && !isWithin && this.#oneIn(4))
        return `GROUPING(${this.#pick(names)})`;
      return this.#aggregate(kind, inner);
    };
    const items = wanted.map(of);
    const having = this.#oneIn(3) ? ` HAVING ${this.#having(keys, inner, depth)}` : '';
    const ranked = this.#oneIn(4) ? `rank() OVER (ORDER BY ${this.#directed([...names, 'count(*)'])})` : '';
    const all = ranked === '' ? items : items.map((item, at) => (wanted[at] === 'integer' ? ranked : item));
    return { sql: `SELECT ${named(all)} ${from} GROUP BY ${groups}${having}`, kinds: wanted };
  }

  #having(keys: readonly Column[], inner: readonly Column[], depth: number): string {
    if (this.#oneIn(2)) return `count(*) > ${this.#below(3)}`;
    // A query within does not name aggregates of the query around.
    const counted: Column = { sql: this.#aggregate('integer', inner), kind: 'integer' };
    return this.#oneIn(2) ? this.#truth(keys, depth) : this.#truth([...keys, counted], 0);
  }

  #aggregate(kind: Kind, inner: readonly Column[]): string {
    const some = inner.filter((column) => column.kind === kind);
    const filter = this.#oneIn(5) ? ` FILTER (WHERE ${this.#truth(inner, 0)})` : '';
    if (kind === 'integer' && (some.length === 0 || this.#oneIn(3)))
      return `${this.#pick(['count(*)', `count(${this.#pick(inner).sql})`, `count(DISTINCT ${this.#pick(inner).sql})`])}${filter}`;
    const value = some.length > 0 ? this.#pick(some).sql : this.#literal(kind);
    const numbers = ['max', 'min', 'sum'];
    const name = this.#pick(
      kind === 'integer' || kind === 'decimal'
        ? numbers
        : kind === 'truth'
          ? ['bool_or', 'bool_and']
          : ['max', 'min'],
    );
    return `${name}(${value})${filter}`;
  }

  /** Of windows that count rows there is one: rows that are alike would be counted otherwise by another. */
  #windowed(from: string, inner: readonly Column[], wanted: readonly Kind[]): Query {
    let isCounted = false;
    const of = (kind: Kind): string => {
      const partition = this.#oneIn(2)
        ? `PARTITION BY ${this.#some(inner)
            .map(({ sql }) => sql)
            .join(', ')} `
        : '';
      const some = inner.filter((column) => column.kind === kind);
      if (some.length > 0 && this.#oneIn(3)) return this.#pick(some).sql;
      const value = some.length > 0 ? this.#pick(some).sql : this.#literal(kind);
      if (!isCounted && this.#oneIn(2)) {
        isCounted = true;
        const order = `ORDER BY ${this.#directed(this.#shuffled(inner.map(({ sql }) => sql)))}`;
        const called = this.#pick(
          kind === 'integer'
            ? ['row_number()', 'ntile(3)', `sum(${value})`, `count(${value})`, `lag(${value})`]
            : [`lag(${value})`, `lead(${value}, 2)`, `first_value(${value})`, `max(${value})`],
        );
        return `${called} OVER (${partition}${order}${/^(sum|count|max|first)/.test(called) ? this.#frame() : ''})`;
      }
      const order = this.#oneIn(4)
        ? ''
        : `ORDER BY ${this.#directed(this.#some(inner).map(({ sql }) => sql))}`;
      const called = this.#pick(
        kind === 'integer'
          ? // Not dense_rank, at which DuckDB 1.5.6 may crash.
            ['rank()', 'count(*)', `sum(${value})`, `max(${value})`]
          : [`max(${value})`, `min(${value})`],
      );
      return `${called} OVER (${partition}${order})`;
    };
    return { sql: `SELECT ${named(wanted.map(of))} ${from}`, kinds: wanted };
  }

  #frame(): string {
    const start = this.#pick(['UNBOUNDED PRECEDING', '2 PRECEDING', 'CURRENT ROW']);
    const end = this.#pick(['CURRENT ROW', '1 FOLLOWING', 'UNBOUNDED FOLLOWING']);
    return this.#oneIn(2) ? ` ROWS BETWEEN ${start} AND ${end}` : '';
  }

  #truth(scope: readonly Column[], depth: number): string {
    const kind = this.#pick(scope).kind;
    const value = (): string => this.#value(kind, scope, 0);
    switch (this.#below(depth > 0 ? 12 : 8)) {
      case 2:
        return `${value()} IS ${this.#pick(['', 'NOT '])}NULL`;
      case 3:
        return `${value()} IS ${this.#pick(['', 'NOT '])}DISTINCT FROM ${value()}`;
      case 4:
        return `${value()} ${this.#pick(['', 'NOT '])}IN (${value()}, ${this.#literal(kind)})`;
      case 5:
        return `(${this.#truth(scope, depth)} ${this.#pick(['AND', 'OR'])} ${this.#truth(scope, 0)})`;
      case 6:
        return `NOT (${this.#truth(scope, 0)})`;
      case 7:
        return this.#value('truth', scope, 0);
      case 8:
        return `${this.#pick(['', 'NOT '])}EXISTS (${this.query(depth - 1, scope).sql})`;
      case 9:
      case 10:
        return `${value()} ${this.#pick(['', 'NOT '])}IN (${this.query(depth - 1, scope, [kind]).sql})`;
      case 11:
        return `${value()} ${this.#compared()} ${this.#scalar(kind, scope, depth - 1)}`;
      default:
        return `${value()} ${this.#compared()} ${this.#oneIn(2) ? this.#literal(kind) : value()}`;
    }
  }

  #compared(): string {
    return this.#pick(['=', '<', '<>', '>=', '>', '<=']);
  }

  /** A query of one row. */
  #scalar(kind: Kind, outer: readonly Column[], depth: number): string {
    const source = this.#from(depth);
    const where = ` WHERE ${this.#truth([...source.columns, ...outer], 0)}`;
    return `(SELECT ${this.#aggregate(kind, source.columns)} FROM ${source.sql}${where})`;
  }

  #value(kind: Kind, scope: readonly Column[], depth: number): string {
    const some = scope.filter((column) => column.kind === kind);
    const plain = (): string => (some.length > 0 ? this.#pick(some).sql : this.#literal(kind));
    if (depth > 0 && this.#oneIn(9)) return this.#scalar(kind, scope, depth - 1);
    switch (this.#below(9)) {
      case 5:
        return this.#literal(kind);
      case 6:
        return `coalesce(${plain()}, ${this.#literal(kind)})`;
      case 7:
        return `CASE WHEN ${this.#truth(scope, 0)} THEN ${plain()} ELSE ${plain()} END`;
      case 8:
        switch (kind) {
          case 'integer':
          case 'decimal':
            return `(${plain()} ${this.#pick(['+', '-', '*'])} ${plain()})`;
          case 'text':
            return `${this.#pick(['upper', 'lower'])}(${plain()})`;
          case 'truth':
            return `(${this.#truth(scope, 0)})`;
          default:
            return `nullif(${plain()}, ${this.#literal(kind)})`;
        }
      default:
        return plain();
    }
  }

  #literal(kind: Kind): string {
    const sql = this.#pick(literals[kind]);
    return sql === 'NULL' || kind === 'decimal' ? `CAST(${sql} AS ${sqlTypes[kind]})` : sql;
  }

  #directed(values: readonly string[]): string {
    return values
      .map((value) => `${value}${this.#pick(['', ' DESC'])} NULLS ${this.#pick(['LAST', 'FIRST'])}`)
      .join(', ');
  }

  #some<T>(of: readonly T[]): readonly T[] {
    return this.#shuffled(of).slice(0, 1 + this.#below(2));
  }

  #shuffled<T>(of: readonly T[]): readonly T[] {
    const left = [...of];
    return of.map(() => left.splice(this.#below(left.length), 1)[0] as T);
  }

  #name(): string {
    this.#names += 1;
    return `x${this.#names}`;
  }

  #oneIn(count: number): boolean {
    return this.#below(count) === count - 1;
  }

  #pick<T>(of: readonly T[]): T {
    return of[this.#below(of.length)] as T;
  }
}

function named(items: readonly string[]): string {
  return items.map((item, at) => `${item} AS c${at}`).join(', ');
}

/** The name of a column without its table's. */
function nameOf(sql: string): string {
  return sql.slice(sql.indexOf('.') + 1);
}

function columnsOf(name: string, kinds: readonly Kind[]): readonly Column[] {
  return kinds.map((kind, at) => ({ sql: `${name}.c${at}`, kind }));
}
