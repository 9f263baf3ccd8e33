/** onnxruntime-node on the CPU. */
import { loadOnnx } from '../rivals/load.js';
import { featureCount } from './models.js';
import type { Scorer } from './scorer.js';

/** @param threads inside one call; 0 lets ONNX Runtime use every core */
export async function openOnnxRuntime(name: string, model: Uint8Array, threads: number): Promise<Scorer> {
  const { InferenceSession, Tensor } = loadOnnx();
  const session = await InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const [input = ''] = session.inputNames;
  const [output = ''] = session.outputNames;
  const run = async (rows: Float32Array): Promise<Float32Array> => {
    const tensor = new Tensor('float32', rows, [rows.length / featureCount, featureCount]);
    const answer = await session.run({ [input]: tensor });
    return answer[output]?.data as Float32Array;
  };
  return {
    name,
    async oneByOne(rows) {
      let sum = 0;
      for (let at = 0; at < rows.length; at += featureCount) {
        const [value = 0] = await run(rows.subarray(at, at + featureCount));
        sum += value;
      }
      return sum;
    },
    async batch(rows, out) {
      out.set(await run(rows));
    },
    close: () => session.release(),
  };
}
