/** Puts the flights into a table, a few hundred thousand rows per commit. */
import type { PcDatabase } from '@varve/pc';
import { readFlightColumns } from '../flights/parquet.js';
import { startProgress } from '../terminal/progress.js';
import { count } from '../terminal/text.js';

/** What loading took. */
export interface Loaded {
  readonly rows: number;
  /** Of reading the Parquet file in JavaScript. */
  readonly readSeconds: number;
  /** Of appending, every commit on disk. */
  readonly appendSeconds: number;
}

/** The table, in SQL that Varve and DuckDB both speak. */
export const flightsTable = `create table flights (id bigint primary key, departure timestamp not null,
  origin varchar not null, destination varchar not null, delay smallint not null, distance smallint not null)`;

/** Makes the table `flights` and fills it with the first `rowCountMax` departures. */
export async function loadFlights(db: PcDatabase, rowCountMax: number): Promise<Loaded> {
  await db.query(flightsTable);
  const progress = startProgress('reading flights-3m.parquet into a table, every commit on disk');
  let rows = 0;
  let appendMs = 0;
  for await (const { total, ...columns } of readFlightColumns(rowCountMax)) {
    const start = performance.now();
    rows += await db.append('flights', columns);
    appendMs += performance.now() - start;
    progress.update(rows, total);
  }
  const appendSeconds = appendMs / 1000;
  const seconds = progress.end(`${count(rows)} rows, ${count(rows / appendSeconds)} per second appended`);
  return { rows, readSeconds: seconds - appendSeconds, appendSeconds };
}
