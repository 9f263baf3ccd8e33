/** Reads the flights of the npm package vega-datasets: US departures of January to June 2001, 3 million of them. */
import { fileURLToPath } from 'node:url';
import { decompress } from 'fzstd';
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { airportNumber, routeOf } from './flight-key.js';
import { type Flights, orderFlights } from './flights.js';

/** The file inside vega-datasets; its columns are date, delay, distance, origin, destination. */
export const flightsFile: string = fileURLToPath(
  new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')),
);

const microsPerMinute = 60_000_000n;
const text = new TextDecoder();

/**
 * Reads the first `rowCountMax` departures.
 *
 * @param onProgress hears of rows read, and rows in all
 * Cost: some 5 s for all on one core; the rows of one group (270,000) are in memory as JavaScript values at a time.
 */
export async function readFlights(
  rowCountMax: number,
  onProgress: (done: number, total: number) => void,
): Promise<Flights> {
  const file = await asyncBufferFromFile(flightsFile);
  const metadata = await parquetMetadataAsync(file);
  const count = Math.min(rowCountMax, Number(metadata.num_rows));
  const rows = {
    minutes: new Uint32Array(count),
    routes: new Uint32Array(count),
    delays: new Int16Array(count),
    distances: new Uint16Array(count),
  };
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = Math.min(count, rowStart + Number(group.num_rows));
    if (rowStart >= rowEnd) break;
    await parquetRead({
      file,
      metadata,
      rowStart,
      rowEnd,
      compressors: { ZSTD: (bytes) => decompress(bytes) },
      // Values become numbers while their dictionary is decoded, not once per row.
      parsers: {
        timestampFromMicroseconds: (micros) => Number(micros / microsPerMinute),
        stringFromBytes: (bytes) => airportNumber(text.decode(bytes)),
      },
      onChunk({ columnName, columnData, rowStart: first }) {
        const last = Math.min(count - first, columnData.length);
        for (let at = 0; at < last; at++) put(columnName, first + at, Number(columnData[at]));
      },
    });
    rowStart = rowEnd;
    onProgress(rowStart, count);
  }
  return orderFlights(rows);

  function put(column: string, row: number, value: number): void {
    if (column === 'date') rows.minutes[row] = value;
    else if (column === 'delay') rows.delays[row] = value;
    else if (column === 'distance') rows.distances[row] = value;
    else if (column === 'origin') rows.routes[row] = (rows.routes[row] ?? 0) | routeOf(value, 0, 0);
    else if (column === 'destination') rows.routes[row] = (rows.routes[row] ?? 0) | routeOf(0, value, 0);
  }
}
