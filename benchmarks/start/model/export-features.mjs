// Writes the features and delays of every departure for train.py:
//
//   node model/export-features.mjs FOLDER    → FOLDER/features.f32 [n, 10], FOLDER/delays.i16 [n], FOLDER/minutes.u32 [n]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DelayFeatures, featureNames } from '../dist/delay-model/features.js';
import { recordBytes, writeRecord } from '../dist/flights/flight-record.js';
import { readFlights } from '../dist/flights/parquet.js';

const folder = process.argv[2] ?? '.';
mkdirSync(folder, { recursive: true });
const flights = await readFlights(Infinity, () => {});
const halves = new Uint32Array(flights.keys.buffer);
const features = new Float32Array(flights.count * featureNames.length);
const minutes = new Uint32Array(flights.count);
const walk = new DelayFeatures();
const record = new Uint8Array(recordBytes);
for (let at = 0; at < flights.count; at++) {
  minutes[at] = halves[2 * at + 1];
  writeRecord(record, 0, flights.delays[at], flights.distances[at]);
  walk.next(minutes[at], halves[2 * at], record, 0, features, at * featureNames.length);
}
writeFileSync(join(folder, 'features.f32'), features);
writeFileSync(join(folder, 'delays.i16'), flights.delays);
writeFileSync(join(folder, 'minutes.u32'), minutes);
