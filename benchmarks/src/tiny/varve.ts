/** Varve's model runtime, which the embedded tier has as `db.models`. */
import { createModels } from '@varve/inference';
import { featureCount } from './models.js';
import type { Scorer } from './scorer.js';

/** @param weights `int8` rounds the weights of dense layers */
export async function openVarve(name: string, model: Uint8Array, weights?: 'int8'): Promise<Scorer> {
  const runtime = createModels();
  const options = { format: 'onnx', ...(weights === undefined ? {} : { weights }) } as const;
  const loaded = await runtime.load(name, model, options);
  const answer = new Float32Array(1);
  return {
    name,
    oneByOne(rows) {
      let sum = 0;
      for (let at = 0; at < rows.length; at += featureCount) {
        loaded.infer(rows.subarray(at, at + featureCount), answer);
        sum += answer[0] ?? 0;
      }
      return sum;
    },
    batch(rows, out) {
      loaded.inferBatch(rows, out);
    },
    close() {
      runtime.unload(name);
    },
  };
}
