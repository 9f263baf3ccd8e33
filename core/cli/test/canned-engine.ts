/** An engine that has answers ready, by the text of the statement: what the command makes of them is under test. */
import {
  type PendingResult,
  type QueryOptions,
  type QueryResult,
  type SqlEngine,
  type SqlField,
  type SqlFragment,
  type SqlRow,
  type SqlTransaction,
  type TableDescription,
  VarveError,
} from '@varve/interfaces';

/** An answer: rows, a count of changed rows, a failure, or one that comes when the query is cancelled. */
export type Canned =
  | { readonly fields: readonly SqlField[]; readonly rows: readonly SqlRow[] }
  | { readonly changed: number }
  | VarveError
  | 'waits';

export class CannedEngine implements SqlEngine {
  readonly #answers: Readonly<Record<string, Canned>>;
  readonly #tables: readonly TableDescription[];
  /** What was asked for, with what began, ended and was undone. */
  readonly heard: string[] = [];

  constructor(answers: Readonly<Record<string, Canned>>, tables: readonly TableDescription[] = []) {
    this.#answers = answers;
    this.#tables = tables;
  }

  query<R extends object = SqlRow>(
    sql: string | SqlFragment,
    _?: unknown,
    { signal, progress }: QueryOptions = {},
  ): PendingResult<R> {
    const text = typeof sql === 'string' ? sql : sql.texts.join('?');
    this.heard.push(text);
    const result = (async (): Promise<QueryResult<R>> => {
      const answer = this.#answers[text];
      if (answer === undefined)
        throw new VarveError('SQL_SYNTAX', { message: `nothing is ready for ${text}`, hint: 'write it so' });
      if (answer instanceof VarveError) throw answer;
      if (answer === 'waits') {
        progress?.({ rowsScanned: 1, rowsTotal: 2, bytesScanned: 0 });
        await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        throw new VarveError('QUERY_CANCELLED', { message: 'the query was cancelled' });
      }
      return resultOf<R>(answer);
    })();
    return Object.assign(result, {
      rows: async () => (await result).rows(),
      columns: async () => (await result).columns(),
      arrow: async () => (await result).arrow(),
      async *batches() {
        yield* (await result).batches();
      },
      async *[Symbol.asyncIterator]() {
        yield* await result;
      },
    });
  }

  async transaction<T>(body: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    this.heard.push('(begin)');
    try {
      const result = await body(this as unknown as SqlTransaction);
      this.heard.push('(commit)');
      return result;
    } catch (error) {
      this.heard.push('(rollback)');
      throw error;
    }
  }

  async tables(): Promise<readonly TableDescription[]> {
    return this.#tables;
  }

  async close(): Promise<void> {
    this.heard.push('(close)');
  }

  sql(): never {
    throw unused();
  }
  async append(): Promise<never> {
    throw unused();
  }
  async prepare(): Promise<never> {
    throw unused();
  }
  get(): never {
    throw unused();
  }
  snapshot(): never {
    throw unused();
  }
  async explain(): Promise<never> {
    throw unused();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function resultOf<R extends object>(answer: Exclude<Canned, VarveError | 'waits'>): QueryResult<R> {
  const { fields, rows, changed } = { fields: [], rows: [], changed: undefined, ...answer };
  const batches = async function* () {
    for (let from = 0; from < rows.length; from += 2) {
      const part = rows.slice(from, from + 2) as R[];
      yield { rowCount: part.length, rows: () => part, columns: () => ({}), arrow: () => new Uint8Array() };
    }
  };
  return {
    fields,
    names: fields.map(({ name }) => name),
    rowsAffected: changed,
    rows: async () => [...rows] as R[],
    columns: async () => ({}),
    arrow: async () => new Uint8Array(),
    batches,
    async *[Symbol.asyncIterator]() {
      yield* rows as R[];
    },
    cancel: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function unused(): Error {
  return new Error('the command does not use this');
}
