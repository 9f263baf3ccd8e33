/**
 * Polars over the same Parquet files, in its own lazy expressions: once with every column read into memory beforehand,
 * once scanning the files at every query. Its streaming engine is asked: it was seldom slower than the default one here,
 * and up to four times faster at grouping. Results stay frames of its own where only the time of a query counts.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  loadPolars,
  type Polars,
  type PolarsFrame,
  type PolarsLazyFrame,
  type PolarsSeries,
} from '../rivals/load.js';
import { type SqlEngineKind, threadCount } from './engine.js';
import type { Cell, Piece } from './fingerprint.js';

/** What a query is in Polars' terms, by the query's name; over the one table of the case. */
export type PolarsPlans = Readonly<Record<string, (table: PolarsLazyFrame, pl: Polars) => PolarsLazyFrame>>;

/** @param table that the plans are over */
export function polarsKinds(table: string, plans: PolarsPlans): readonly SqlEngineKind[] {
  return [
    kind('polars', table, plans, (pl, file) => pl.readParquet(file).lazy()),
    kind('polars, Parquet', table, plans, (pl, file) => pl.scanParquet(file)),
  ];
}

/** Decodes a stream of Arrow IPC: the suite has no reader of its own. Integers beyond 2^53 lose their last bits. */
export function* piecesOfIpc(bytes: Buffer): Generator<Piece> {
  const pl = loadPolars(threadCount);
  yield* piecesOf(pl, pl.readIPCStream(bytes));
}

function kind(
  name: string,
  table: string,
  plans: PolarsPlans,
  openTable: (pl: Polars, file: string) => PolarsLazyFrame,
): SqlEngineKind {
  return {
    name,
    store: 'polars',
    load(folder, tables) {
      for (const { name: to, file } of tables) copyFileSync(file, join(folder, `${to}.parquet`));
      return Promise.resolve();
    },
    open(folder) {
      const pl = loadPolars(threadCount);
      const frame = openTable(pl, join(folder, `${table}.parquet`));
      const ask = (query: string): Promise<PolarsFrame> => {
        const plan = plans[query];
        if (plan === undefined) throw new RangeError(`Polars has no plan for ${query}`);
        return Promise.resolve(plan(frame, pl).collectSync({ engine: 'streaming' }));
      };
      return Promise.resolve({
        name,
        run: async (query) => (await ask(query.name)).height,
        async *answer(query) {
          yield* piecesOf(pl, await ask(query.name));
        },
        close() {},
      });
    },
  };
}

const rowsPerPiece = 65_536;

function* piecesOf(pl: Polars, frame: PolarsFrame): Generator<Piece> {
  const types = frame.columns.map((name) => String(frame.getColumn(name).dtype));
  const approximate = types.map((type) => /Float|Decimal/.test(type));
  for (let from = 0; from < frame.height; from += rowsPerPiece) {
    const part = frame.slice(from, Math.min(rowsPerPiece, frame.height - from));
    yield {
      columns: part.columns.map((name, i) => cellsOf(pl, part.getColumn(name), types[i] ?? '')),
      approximate,
    };
  }
}

/** Polars hands no decimals to JavaScript. */
function cellsOf(pl: Polars, column: PolarsSeries, type: string): readonly Cell[] {
  const series = type.includes('Decimal') ? column.cast(pl.Float64) : column;
  return series.toArray().map((value) => cellOf(value, type));
}

function cellOf(value: unknown, type: string): Cell {
  if (!(value instanceof Date)) return (value ?? null) as Cell;
  const ms = value.getTime();
  return /Datetime/.test(type) ? BigInt(ms) * 1000n : BigInt(Math.floor(ms / 86_400_000));
}
