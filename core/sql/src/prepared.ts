/** A statement that was planned once, for many runs. */
import {
  type PendingResult,
  type PreparedStatement,
  type QueryOptions,
  type SqlField,
  type SqlParameters,
  VarveError,
} from '@varve/interfaces';
import { decodeSchema } from './arrow/ipc.js';
import { sqlFields } from './arrow/sql-types.js';
import type { NativeQueryOptions, NativeStarted, NativeStatement } from './native-face.js';
import { nativeParams, type QuerySettings, readQueryOptions } from './options.js';
import { pendingResult } from './query-result.js';
import type { Shared } from './session.js';

export class Prepared<R extends object> implements PreparedStatement<R> {
  readonly parameterCount: number;
  readonly fields: readonly SqlField[];
  readonly #native: NativeStatement;
  readonly #where: (settings: QuerySettings) => NativeQueryOptions;
  readonly #shared: Shared;
  #isClosed = false;

  constructor(
    native: NativeStatement,
    where: (settings: QuerySettings) => NativeQueryOptions,
    shared: Shared,
  ) {
    this.#native = native;
    this.#where = where;
    this.#shared = shared;
    this.parameterCount = native.parameterCount;
    this.fields = sqlFields(decodeSchema(native.schema));
  }

  query(params?: SqlParameters, options?: QueryOptions): PendingResult<R> {
    const { modes } = this.#shared;
    const start = (settings: QuerySettings): NativeStarted => {
      const where = this.#where(settings);
      if (this.#isClosed) throw new VarveError('STORE_CLOSED', { message: 'the statement is closed' });
      return this.#native.query(nativeParams(params), where);
    };
    return pendingResult<R>(() => readQueryOptions(options, modes), start, this.#shared);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#native.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
