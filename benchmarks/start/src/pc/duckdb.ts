/** DuckDB over the same flights, in a file of its own: an optional package, and no part of Varve. */
import { flightsFile } from '../flights/parquet.js';
import { flightsTable } from './load.js';
import { plainRows } from './plain.js';
import type { Row } from './questions.js';

/** An engine that is asked the same as Varve. */
export interface Rival {
  readonly ask: (sql: string) => Promise<Row[]>;
  readonly close: () => void;
}

/**
 * Opens DuckDB with the first `rows` departures; undefined where the package is not installed.
 *
 * @param file of its database, which does not exist yet
 */
export async function openDuckDb(file: string, rows: number): Promise<Rival | undefined> {
  const duckdb = await import('@duckdb/node-api').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  });
  if (duckdb === undefined) return undefined;
  const instance = await duckdb.DuckDBInstance.create(file);
  const connection = await instance.connect();
  await connection.run(flightsTable);
  await connection.run(
    `insert into flights select file_row_number, date, origin, destination, delay, distance
      from read_parquet('${flightsFile.replaceAll("'", "''")}', file_row_number = true)
      where file_row_number < ${rows}`,
  );
  await connection.run('checkpoint');
  return {
    ask: async (sql) => plainRows(await (await connection.run(sql)).getRowObjects()),
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
