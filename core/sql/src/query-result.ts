/**
 * The answer of a statement, read once: batches as the engine finds them, and from them rows, columns or Arrow.
 *
 * Invariant: the native query is let go of when the last batch is read, when reading fails or is left, and on `cancel`.
 */
import { Column, type Field, type Table } from '@uwdata/flechette';
import {
  type Clock,
  type PendingResult,
  type QueryResult,
  type RowBatch,
  type SqlColumns,
  type SqlField,
  type SqlRow,
  unwrap,
  type ValueModes,
  VarveError,
} from '@varve/interfaces';
import { cellOf } from './arrow/cells.js';
import { columnOf } from './arrow/columns.js';
import { concatenated, type DecodedPart, endOfStream, IpcDecoder } from './arrow/ipc.js';
import { named, rowBuilder } from './arrow/rows.js';
import type { CommitWaits } from './commit-waits.js';
import type { KnownSchema, KnownSchemas } from './known-schemas.js';
import type { NativeHead, NativePiece, NativeQuery, NativeStarted } from './native-face.js';
import type { QuerySettings } from './options.js';
import { bytesOf } from './pieces.js';
import { cancelled, QueryWatch } from './query-watch.js';

/** What answers of one database share. */
export interface AnswerParts {
  readonly clock: Clock;
  readonly commits: CommitWaits;
  readonly schemas: KnownSchemas;
}

/** A statement whose answer may still come. */
interface Running {
  readonly query: NativeQuery;
  readonly watch: QueryWatch;
}

/** What a result is made with beside its head. */
interface Around {
  readonly modes: ValueModes;
  readonly schema: KnownSchema;
  /** Absent of an answer that was there at once. */
  readonly running?: Running;
}

/** Starts a query and gives its answer. @param start may throw; the answer then rejects */
export function pendingResult<R extends object>(
  settings: () => QuerySettings,
  start: (settings: QuerySettings) => NativeStarted,
  shared: AnswerParts,
): PendingResult<R> {
  const result = opened<R>(settings, start, shared);
  const pending = result as { -readonly [Name in keyof PendingResult<R>]: PendingResult<R>[Name] };
  pending.rows = () => result.then(rowsOf);
  pending.columns = async () => (await result).columns();
  pending.arrow = async () => (await result).arrow();
  pending.batches = async function* batches() {
    yield* (await result).batches();
  };
  pending[Symbol.asyncIterator] = async function* rows() {
    yield* await result;
  };
  return pending;
}

function rowsOf<R extends object>(result: QueryResult<R>): Promise<R[]> {
  return result.rows();
}

async function opened<R extends object>(
  read: () => QuerySettings,
  start: (settings: QuerySettings) => NativeStarted,
  { clock, commits, schemas }: AnswerParts,
): Promise<QueryResult<R>> {
  const settings = read();
  const { modes, signal } = settings;
  if (signal?.aborted === true) throw cancelled(signal.reason);
  const started = start(settings);
  if (!isQuery(started)) {
    const head = unwrap(started);
    return new Result<R>(head, { modes, schema: schemas.of(head.schema) });
  }
  const query = started;
  const watch = new QueryWatch(query, settings, clock);
  try {
    const isCommitting = (): boolean => query.isCommitting?.() === true;
    const answer = isCommitting() ? commits.during(isCommitting, () => query.start()) : query.start();
    const head = unwrap(await watch.during(answer));
    if (head.isWhole) watch.end();
    return new Result<R>(head, { modes, schema: schemas.of(head.schema), running: { query, watch } });
  } catch (error) {
    watch.end();
    throw watch.explained(error);
  }
}

/** Whether a statement that was started is under way still. */
export function isQuery(started: NativeStarted): started is NativeQuery {
  return 'start' in started;
}

class Result<R extends object> implements QueryResult<R> {
  readonly fields: readonly SqlField[];
  readonly names: readonly string[];
  readonly rowsAffected: number | undefined;
  readonly #running: Running | undefined;
  readonly #modes: ValueModes;
  readonly #schema: KnownSchema;
  /** The whole answer once more. */
  readonly #packed: NativePiece | undefined;
  /** What came with the head. */
  readonly #first: NativePiece | undefined;
  #state: 'fresh' | 'reading' | 'read' | 'cancelled' = 'fresh';
  /** Nothing comes after what came already. */
  #isWhole: boolean;

  constructor(head: NativeHead, { modes, schema, running }: Around) {
    this.#running = running;
    this.#modes = modes;
    this.#schema = schema;
    this.#packed = head.packed ?? undefined;
    this.#first = head.first ?? undefined;
    this.#isWhole = head.isWhole;
    this.fields = schema.fields;
    this.names = schema.names;
    this.rowsAffected = head.rowsAffected ?? undefined;
  }

  async rows(): Promise<R[]> {
    if (this.#packed !== undefined && this.#state === 'fresh') {
      this.#state = 'read';
      return this.#schema.rows(this.#packed, this.#modes) as R[];
    }
    const all: R[] = [];
    for await (const table of this.#tables()) pushRows(all, table, this.#modes);
    return all;
  }

  async columns(): Promise<SqlColumns> {
    const tables: Table[] = [];
    for await (const table of this.#tables()) tables.push(table);
    return columnsOf(this.#schema.arrowFields, tables, this.#modes);
  }

  async arrow(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [this.#schema.message];
    for await (const part of this.#parts()) parts.push(part);
    return concatenated([...parts, endOfStream]);
  }

  async *batches(): AsyncIterableIterator<RowBatch<R>> {
    let decoder: IpcDecoder | undefined;
    for await (const part of this.#parts()) {
      decoder ??= new IpcDecoder(this.#schema.message);
      const batch = new Batch<R>(this.#schema.arrowFields, decoder.decode(part), this.#modes);
      if (batch.rowCount > 0) yield batch;
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<R> {
    for await (const batch of this.batches()) yield* batch.rows();
  }

  cancel(): void {
    if (this.#state === 'read' || this.#state === 'cancelled') return;
    this.#state = 'cancelled';
    this.#letGo();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  async *#tables(): AsyncGenerator<Table> {
    let decoder: IpcDecoder | undefined;
    for await (const part of this.#parts()) {
      decoder ??= new IpcDecoder(this.#schema.message);
      yield decoder.decode(part).table;
    }
  }

  /** The messages of the batches, in order, to whoever comes first. */
  async *#parts(): AsyncGenerator<Uint8Array> {
    if (this.#state === 'cancelled') throw cancelled();
    if (this.#state !== 'fresh')
      throw new VarveError('STORE_CLOSED', {
        message: 'the result was read already',
        hint: 'read it once, in one form, or run the query again',
      });
    this.#state = 'reading';
    try {
      if (this.#first !== undefined) yield bytesOf(this.#first);
      while (!this.#isWhole && this.#running !== undefined) {
        const { query, watch } = this.#running;
        const part = unwrap(await watch.during(query.next()));
        if (this.#isCancelled()) throw cancelled();
        this.#isWhole = part === null;
        if (part !== null) yield part;
        if (this.#isCancelled()) throw cancelled();
      }
    } catch (error) {
      throw this.#running?.watch.explained(error) ?? error;
    } finally {
      if (!this.#isCancelled()) this.#state = 'read';
      this.#letGo();
    }
  }

  /** A method, since the state changes while a generator waits. */
  #isCancelled(): boolean {
    return this.#state === 'cancelled';
  }

  #letGo(): void {
    this.#running?.watch.end();
    if (!this.#isWhole) this.#running?.query.cancel();
  }
}

class Batch<R extends object> implements RowBatch<R> {
  readonly rowCount: number;
  readonly #fields: readonly Field[];
  readonly #stream: readonly Uint8Array[];
  readonly #table: Table;
  readonly #modes: ValueModes;

  constructor(fields: readonly Field[], { table, stream }: DecodedPart, modes: ValueModes) {
    this.#fields = fields;
    this.#stream = stream;
    this.#table = table;
    this.#modes = modes;
    this.rowCount = table.numRows;
  }

  rows(): R[] {
    const all: R[] = [];
    pushRows(all, this.#table, this.#modes);
    return all;
  }

  columns(): SqlColumns {
    return columnsOf(this.#fields, [this.#table], this.#modes);
  }

  arrow(): Uint8Array {
    return concatenated([...this.#stream, endOfStream]);
  }
}

/** Appends the rows of all batches of a table. */
function pushRows<R extends object>(all: R[], { names, children }: Table, modes: ValueModes): void {
  const parts = children[0]?.data ?? [];
  for (const [at, { length }] of parts.entries()) {
    const cells = children.map(({ data }) => cellOf(data[at] as (typeof parts)[0], modes));
    const build = rowBuilder(names as string[], cells) as (row: number) => SqlRow as (row: number) => R;
    for (let row = 0; row < length; row += 1) all.push(build(row));
  }
}

function columnsOf(fields: readonly Field[], tables: readonly Table[], modes: ValueModes): SqlColumns {
  const names = fields.map(({ name }) => name);
  return named(names, (at) => {
    const parts = tables.flatMap(({ children }) => children[at]?.data ?? []);
    return columnOf(new Column(parts, (fields[at] as Field).type), modes);
  });
}
