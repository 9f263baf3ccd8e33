/**
 * Suite `tiny`: are Varve's own kernels for small models worth having beside onnxruntime-node?
 *
 * Workload: two trained forests (100 trees of depth 6, 500 of depth 8) and a net 16-64-32-1, the same ONNX files for
 * both runtimes; one call per row from JavaScript, and batches of 1,024 rows. ONNX Runtime is measured with one thread,
 * as Varve runs, and with every core. Answers agree within 1e-5 of the value before any time is believed; those of
 * int8 weights are compared by their error only. Excluded: making rows, loading (which has its own case).
 */
import type { Case, Context, Suite } from '../result.js';
import { installRivals } from '../rivals/install.js';
import { interleave, row, WrongAnswer } from '../rounds.js';
import { exact } from '../statistics.js';
import { kernel } from './kernel.js';
import { memoryAndFirstAnswer } from './memory.js';
import { createRows, type ModelName, modelNames, readModel } from './models.js';
import { openOnnxRuntime } from './onnxruntime.js';
import type { Scorer } from './scorer.js';
import { openVarve } from './varve.js';

const batchRows = 1024;
const reference = 'onnxruntime-node';
/** Within which f32 answers agree, of the larger of 1 and the value. */
const tolerance = 1e-5;

export const tiny: Suite = {
  prepare: ({ progress }) => installRivals(progress),
  parts: {
    scoring: (context) => ofEveryModel((name) => scoring(name, context)),
    memory: (context) => ofEveryModel((name) => memoryAndFirstAnswer(name, context)),
    kernel: async (context) => [await kernel(context)],
  },
};

/** One model after the other: they would slow each other down. */
async function ofEveryModel(
  measure: (name: ModelName) => Promise<readonly Case[]>,
): Promise<readonly Case[]> {
  const cases: Case[] = [];
  for (const name of modelNames) cases.push(...(await measure(name)));
  return cases;
}

async function scoring(name: ModelName, context: Context): Promise<readonly Case[]> {
  const { progress, seed, size } = context;
  const model = readModel(name);
  const quantised = name === 'net' ? [await openVarve('varve, int8', model, 'int8')] : [];
  const scorers = [
    await openVarve('varve', model),
    ...quantised,
    await openOnnxRuntime(reference, model, 1),
    await openOnnxRuntime(`${reference}, all cores`, model, 0),
  ];
  progress.step(`${name}: comparing answers`);
  await compare(name, scorers, createRows(batchRows, seed), context);

  const [rounds, calls, batches] =
    size === 'real' ? [9, 5000, name === 'forest-500x8' ? 20 : 100] : [3, 200, 2];
  progress.step(`${name}: one call per row`);
  const single = createRows(calls, seed + 1);
  const one = await interleave(scorers, rounds, async (scorer) => {
    const start = performance.now();
    const sum = await scorer.oneByOne(single);
    const elapsedMs = performance.now() - start;
    if (!Number.isFinite(sum)) throw new WrongAnswer(`${name}: ${scorer.name} answers ${sum}`);
    return (calls / elapsedMs) * 1000;
  });
  progress.step(`${name}: batches of 1,024 rows`);
  const rows = createRows(batchRows, seed + 2);
  const out = new Float32Array(batchRows);
  const many = await interleave(scorers, rounds, async (scorer) => {
    const start = performance.now();
    for (let i = 0; i < batches; i++) await scorer.batch(rows, out);
    return ((batches * batchRows) / (performance.now() - start)) * 1000;
  });
  const error = quantised.length > 0 ? [await errorOfInt8(name, scorers, rows)] : [];
  for (const scorer of scorers) await scorer.close();
  return [
    row({ case: `one call, ${name}`, metric: 'rows per second', unit: '1/s', better: 'higher' }, one),
    row({ case: `batch, ${name}`, metric: 'rows per second', unit: '1/s', better: 'higher' }, many),
    ...error,
  ];
}

/** @throws WrongAnswer when an f32 answer differs, alone or in a batch */
async function compare(
  name: string,
  scorers: readonly Scorer[],
  rows: Float32Array,
  { note }: Context,
): Promise<void> {
  const answers = new Map<string, Float32Array>();
  for (const scorer of scorers) {
    const out = new Float32Array(batchRows);
    await scorer.batch(rows, out);
    const sum = await scorer.oneByOne(rows);
    const total = out.reduce((all, value) => all + value, 0);
    if (!(Math.abs(sum - total) <= tolerance * batchRows * 10))
      throw new WrongAnswer(`${name}: ${scorer.name} sums to ${sum} one by one and to ${total} in a batch`);
    answers.set(scorer.name, out);
  }
  const expected = answers.get(reference) ?? new Float32Array();
  for (const [engine, out] of answers) {
    const worst = worstError(out, expected);
    if (engine !== 'varve, int8' && !(worst <= tolerance))
      throw new WrongAnswer(`${name}: ${engine} is ${worst} off ${reference}`);
    if (engine === 'varve') note(`${name}: answers within ${worst.toExponential(1)} of ${reference}`);
  }
}

async function errorOfInt8(name: string, scorers: readonly Scorer[], rows: Float32Array): Promise<Case> {
  const outOf = async (wanted: string): Promise<Float32Array> => {
    const out = new Float32Array(batchRows);
    await scorers.find((scorer) => scorer.name === wanted)?.batch(rows, out);
    return out;
  };
  const worst = worstError(await outOf('varve, int8'), await outOf('varve'));
  return {
    case: `batch, ${name}`,
    metric: 'largest error of int8 beside f32',
    unit: 'of the value',
    better: 'lower',
    values: { varve: exact(worst) },
    remark: true,
  };
}

/** Largest difference, relative where the value exceeds 1. */
function worstError(out: Float32Array, expected: Float32Array): number {
  return out.reduce((worst, value, i) => {
    const right = expected[i] ?? Number.NaN;
    return Math.max(worst, Math.abs(value - right) / Math.max(1, Math.abs(right)));
  }, 0);
}
