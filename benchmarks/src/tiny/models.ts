/** The models of suite `tiny` (benchmarks/models, trained by its make.py) and the rows that they score. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { createRandom } from '../random.js';

export const featureCount = 16;

export type ModelName = 'net' | 'forest-100x6' | 'forest-500x8';

export const modelNames: readonly ModelName[] = ['net', 'forest-100x6', 'forest-500x8'];

/** The ONNX file of a model. */
export const readModel = (name: ModelName): Uint8Array =>
  gunzipSync(readFileSync(new URL(`../../models/${name}.onnx.gz`, import.meta.url)));

/** Rows uniform in [0, 1), as the training data is; shape [count, 16]. */
export function createRows(count: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count * featureCount }, () => random.unit());
}
