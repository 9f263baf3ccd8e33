/** Reads the flights of the npm package vega-datasets: US departures of January to June 2001, 3 million of them. */
import { fileURLToPath } from 'node:url';
import { decompress } from 'fzstd';
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  type ParquetParsers,
  parquetMetadataAsync,
  parquetRead,
} from 'hyparquet';
import { airportNumber, routeOf } from './flight-key.js';
import { type Flights, orderFlights } from './flights.js';

/** The file inside vega-datasets; its columns are date, delay, distance, origin, destination. */
export const flightsFile: string = fileURLToPath(
  new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')),
);

const microsPerMinute = 60_000_000n;
const text = new TextDecoder();

/** How far reading is: rows read, and rows in all. */
export type OnProgress = (done: number, total: number) => void;

/**
 * Reads the first `rowCountMax` departures.
 *
 * Cost: some 5 s for all on one core; the rows of one group (270,000) are in memory as JavaScript values at a time.
 */
export async function readFlights(rowCountMax: number, onProgress: OnProgress): Promise<Flights> {
  const file = await openFile(rowCountMax);
  const { count } = file;
  const rows = {
    minutes: new Uint32Array(count),
    routes: new Uint32Array(count),
    delays: new Int16Array(count),
    distances: new Uint16Array(count),
  };
  for (const { rowStart, rowEnd } of file.groups) {
    // Values become numbers while their dictionary is decoded, not once per row.
    const parsers = {
      timestampFromMicroseconds: (micros: bigint) => Number(micros / microsPerMinute),
      stringFromBytes: (bytes: Uint8Array) => airportNumber(text.decode(bytes)),
    };
    await readGroup(file, { rowStart, rowEnd }, parsers, (column, row, value) =>
      put(column, row, Number(value)),
    );
    onProgress(rowEnd, count);
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

/** Departures as the file gives them, column by column. */
export interface FlightColumns {
  /** Numbers of the rows in the file, from 0, shape [n]. */
  readonly id: BigInt64Array;
  /** Nanoseconds since 1970-01-01, ascending, shape [n]. */
  readonly departure: BigInt64Array;
  /** Three letters, shape [n]. */
  readonly origin: readonly string[];
  readonly destination: readonly string[];
  /** Minutes late at arrival, negative when early, shape [n]. */
  readonly delay: Int16Array;
  /** Miles, shape [n]. */
  readonly distance: Int16Array;
}

/**
 * Reads the first `rowCountMax` departures, some 270,000 at a time.
 *
 * Cost: some 5 s for all on one core.
 */
export async function* readFlightColumns(
  rowCountMax: number,
): AsyncGenerator<FlightColumns & { readonly total: number }> {
  const file = await openFile(rowCountMax);
  for (const { rowStart, rowEnd } of file.groups) {
    const rows = rowEnd - rowStart;
    const columns = {
      id: BigInt64Array.from({ length: rows }, (_, at) => BigInt(rowStart + at)),
      date: new BigInt64Array(rows),
      origin: Array<string>(rows),
      destination: Array<string>(rows),
      delay: new Int16Array(rows),
      distance: new Int16Array(rows),
    };
    const parsers = {
      timestampFromMicroseconds: (micros: bigint) => micros * 1000n,
      // One text per airport of a dictionary, not one per row.
      stringFromBytes: (bytes: Uint8Array) => text.decode(bytes),
    };
    await readGroup(file, { rowStart, rowEnd }, parsers, (column, row, value) => {
      const at = row - rowStart;
      if (column === 'delay' || column === 'distance') columns[column][at] = Number(value);
      else if (column === 'origin' || column === 'destination') columns[column][at] = String(value);
      else if (column === 'date' && typeof value === 'bigint') columns.date[at] = value;
    });
    const { date: departure, ...others } = columns;
    yield { ...others, departure, total: file.count };
  }
}

interface FlightFile {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  /** Rows to read. */
  readonly count: number;
  /** Which rows lie together; the last may be cut short. */
  readonly groups: readonly RowRange[];
}

interface RowRange {
  readonly rowStart: number;
  readonly rowEnd: number;
}

async function openFile(rowCountMax: number): Promise<FlightFile> {
  const file = await asyncBufferFromFile(flightsFile);
  const metadata = await parquetMetadataAsync(file);
  const count = Math.min(rowCountMax, Number(metadata.num_rows));
  const groups: RowRange[] = [];
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = Math.min(count, rowStart + Number(group.num_rows));
    if (rowStart >= rowEnd) break;
    groups.push({ rowStart, rowEnd });
    rowStart = rowEnd;
  }
  return { file, metadata, count, groups };
}

/** Reads some rows and hands over each value of them, as its parser makes it. */
async function readGroup(
  { file, metadata }: FlightFile,
  { rowStart, rowEnd }: RowRange,
  parsers: Partial<ParquetParsers>,
  put: (column: string, row: number, value: unknown) => void,
): Promise<void> {
  await parquetRead({
    file,
    metadata,
    rowStart,
    rowEnd,
    compressors: { ZSTD: (bytes) => decompress(bytes) },
    parsers,
    onChunk({ columnName, columnData, rowStart: first }) {
      const last = Math.min(rowEnd - first, columnData.length);
      for (let at = 0; at < last; at++) put(columnName, first + at, columnData[at]);
    },
  });
}
