/** The suite of the model runtime under test: each runtime here is broken in one way, and a named case must notice. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelRuntimeCases } from '@varve/conformance';
import { createModels } from '@varve/inference';
import { type ErrorCode, type LoadedModel, type ModelRuntime, VarveError } from '@varve/interfaces';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-models-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stump = readFileSync(
  new URL('../../../native/crates/varve_tiny/fixtures/lgb_stump.onnx', import.meta.url),
);

/** A sound runtime with some calls replaced. */
function broken(change: (sound: ModelRuntime) => Partial<ModelRuntime>): () => ModelRuntime {
  return () => {
    const sound = createModels();
    return {
      load: (name, source, options) => sound.load(name, source, options),
      get: (name) => sound.get(name),
      infer: (model, features, out) => sound.infer(model, features, out),
      inferBatch: (model, rows, out) => sound.inferBatch(model, rows, out),
      list: () => sound.list(),
      describe: (name) => sound.describe(name),
      unload: (name) => sound.unload(name),
      convert: (onnx, options) => sound.convert(onnx, options),
      ...change(sound),
    };
  };
}

/** A runtime whose loaded models are spoiled. */
const spoiled = (spoil: (sound: LoadedModel) => Partial<LoadedModel>): (() => ModelRuntime) =>
  broken((sound) => ({
    load: async (name, source, options) => {
      const model = await sound.load(name, source, options);
      return {
        description: model.description,
        infer: (features, out) => model.infer(features, out),
        inferBatch: (rows, out) => model.inferBatch(rows, out),
        ...spoil(model),
      };
    },
  }));

const nudge = (answers: Float32Array, by: number): Float32Array => {
  for (const at of answers.keys()) answers[at] = (answers[at] ?? 0) * (1 + by);
  return answers;
};

/** A runtime that answers a load which fails with `code` otherwise. */
const excusing = (
  code: ErrorCode,
  answer: (sound: ModelRuntime, name: string) => Promise<LoadedModel>,
): (() => ModelRuntime) =>
  broken((sound) => ({
    load: (name, source, options) =>
      sound.load(name, source, options).catch((error: unknown) => {
        if (error instanceof VarveError && error.code === code) return answer(sound, name);
        throw error;
      }),
  }));

/** What is broken, the broken runtime, and words of the case that must notice. */
const faults: readonly (readonly [string, () => ModelRuntime, RegExp])[] = [
  [
    'answers are off by a thousandth',
    spoiled((model) => ({ infer: (row, out) => nudge(model.infer(row, out), 1e-3) })),
    /layers add up/,
  ],
  [
    'a batch rounds otherwise than a row',
    spoiled((model) => ({ inferBatch: (rows, out) => nudge(model.inferBatch(rows, out), 2e-7) })),
    /a batch of any size/,
  ],
  [
    'an answer is a new array in spite of `out`',
    spoiled((model) => ({ infer: (row) => model.infer(row) })),
    /written into/,
  ],
  [
    'by name, batches ignore `out`',
    broken((sound) => ({ inferBatch: (model, rows) => sound.inferBatch(model, rows) })),
    /by name and by model/,
  ],
  [
    '8-bit weights are ignored',
    broken((sound) => ({ load: (name, source) => sound.load(name, source) })),
    /weights of 8 bits/,
  ],
  [
    'a description forgets the features',
    broken((sound) => ({ describe: (name) => ({ ...sound.describe(name), features: [] }) })),
    /is described/,
  ],
  [
    'models are listed by name',
    broken((sound) => ({
      list: () => sound.list().toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    })),
    /order of loading/,
  ],
  [
    'unloading what is not there says it was',
    broken((sound) => ({ unload: (name) => sound.unload(name) || true })),
    /nothing was loaded under/,
  ],
  ['an unloaded model stays', broken(() => ({ unload: () => true })), /an unloaded model is missing/],
  [
    'a former model goes on answering',
    spoiled((model) => ({
      infer: (row, out) => {
        try {
          return model.infer(row, out);
        } catch {
          return new Float32Array(3);
        }
      },
    })),
    /replaces the former/,
  ],
  [
    'a load that fails unloads',
    broken((sound) => ({
      load: (name, source, options) => {
        sound.unload(name);
        return sound.load(name, source, options);
      },
    })),
    /a load that fails/,
  ],
  [
    'a converted model loses its weights of 8 bits',
    broken((sound) => ({ convert: (onnx) => sound.convert(onnx) })),
    /a converted model/,
  ],
  [
    'bytes are read later',
    broken((sound) => ({
      load: async (name, source, options) => {
        await Promise.resolve();
        return sound.load(name, source, options);
      },
    })),
    /bytes are copied/,
  ],
  [
    'a damaged file falls back to a sound model',
    broken((sound) => ({
      load: (name, source, options) =>
        sound.load(name, source, options).catch(async () => sound.load(name, await sound.convert(stump))),
    })),
    /every changed bit/,
  ],
  [
    'what is too large counts as damaged',
    excusing('MODEL_TOO_LARGE', async () => {
      throw new VarveError('MODEL_DAMAGED', { message: 'the file is damaged' });
    }),
    /too large/,
  ],
  [
    'an operator that is not there is passed over',
    excusing('MODEL_UNSUPPORTED', (sound, name) => sound.load(name, stump)),
    /not supported/,
  ],
  [
    'rows that are too long are cut',
    spoiled((model) => ({
      infer: (row, out) => model.infer(row?.length > 5 ? row.subarray(0, 5) : row, out),
    })),
    /wrong length or type/,
  ],
  [
    'an unknown format is guessed',
    broken((sound) => ({
      load: (name, source, options) =>
        sound.load(name, source, options?.weights === 'int8' ? { weights: 'int8' } : {}),
    })),
    /of a wrong kind/,
  ],
  [
    'options come from anywhere',
    broken((sound) => ({
      load: (name, source, options) =>
        sound.load(name, source, options?.weights === undefined ? {} : { weights: options.weights }),
    })),
    /from a prototype/,
  ],
];

describe('a planted fault', () => {
  it.each(faults)('is noticed: %s', async (_, create, noticedBy) => {
    const named = modelRuntimeCases.filter(({ name }) => noticedBy.test(name));
    expect(named).toHaveLength(1);
    const factory = { create, folder: async () => mkdtempSync(join(folder, 'case-')) };
    await expect(Promise.all(named.map(({ run }) => run(factory)))).rejects.toThrow(Error);
  });

  it('is planted for every case', () => {
    const unnoticed = modelRuntimeCases.filter(({ name }) => !faults.some(([, , words]) => words.test(name)));
    expect(unnoticed).toEqual([]);
  });
});
