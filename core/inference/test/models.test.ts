/** The model runtime on the committed fixtures: answers of ONNX Runtime, names, and clear words for bad input. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createModels } from '@varve/inference';
import { VarveError } from '@varve/interfaces';
import { afterAll, describe, expect, it } from 'vitest';

const fixtures = fileURLToPath(new URL('../../../native/crates/varve_tiny/fixtures/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'varve-models-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A committed case; make.py beside it says how its file is laid out. */
function fixture(name: string) {
  const bytes = readFileSync(join(fixtures, `${name}.bin`));
  const [count = 0, features = 0, outputs = 0] = new Uint32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 12),
  );
  const floats = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset + 16, bytes.byteOffset + 16 + 4 * count * (features + outputs)),
  );
  const rows = floats.subarray(0, count * features);
  const answers = floats.subarray(count * features);
  return {
    onnx: new Uint8Array(readFileSync(join(fixtures, `${name}.onnx`))),
    count,
    features,
    outputs,
    rows,
    answers,
  };
}

function difference(ours: Float32Array, theirs: Float32Array): number {
  expect(ours.length).toBe(theirs.length);
  return ours.reduce((most, value, at) => {
    const other = theirs[at] ?? Number.NaN;
    return Math.max(most, Math.abs(value - other) / Math.max(1, Math.abs(other)));
  }, 0);
}

async function codeOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof VarveError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

const cases = [
  'rf_regressor',
  'extra_trees_3_targets',
  'hist_binary_missing',
  'lgb_multi',
  'pipe_columns',
  'mlp_multi',
];

describe.each(cases)('%s', (name) => {
  it('answers as ONNX Runtime, in batches and row by row alike', async () => {
    const { onnx, count, features, outputs, rows, answers } = fixture(name);
    const model = await createModels().load(name, onnx);
    const batch = model.inferBatch(rows);
    expect(difference(batch, answers)).toBeLessThanOrEqual(1e-5);
    for (let row = 0; row < count; row++) {
      const one = model.infer(rows.subarray(row * features, (row + 1) * features));
      expect(one).toEqual(batch.subarray(row * outputs, (row + 1) * outputs));
    }
  });

  it('answers the same from its own file', async () => {
    const { onnx, rows } = fixture(name);
    const models = createModels();
    const file = await models.convert(onnx);
    const path = join(folder, `${name}.model`);
    writeFileSync(path, file);
    const imported = await models.load('imported', onnx);
    const saved = await models.load('saved', path);
    expect(saved.inferBatch(rows)).toEqual(imported.inferBatch(rows));
    expect(saved.description.classes).toEqual(imported.description.classes);
  });
});

describe('names', () => {
  it('lists, describes, replaces and unloads', async () => {
    const models = createModels();
    const { onnx, features, outputs } = fixture('lgb_multi');
    const first = await models.load('m', onnx);
    expect(models.describe('m')).toMatchObject({ name: 'm', classes: [0, 1, 2, 3] });
    expect(models.list().map(({ name }) => name)).toEqual(['m']);
    const row = new Float32Array(features);
    const out = new Float32Array(outputs);
    expect(models.infer('m', row, out)).toBe(out);
    expect(models.infer(first, row)).toEqual(out);

    const second = await models.load('m', onnx);
    expect(await codeOf(() => first.infer(row))).toBe('MODEL_MISSING');
    expect(second.infer(row)).toEqual(out);
    expect(models.unload('m')).toBe(true);
    expect(models.unload('m')).toBe(false);
    expect(await codeOf(() => second.inferBatch(row))).toBe('MODEL_MISSING');
    expect(await codeOf(() => models.infer('m', row))).toBe('MODEL_MISSING');
    expect(await codeOf(() => models.describe('__proto__'))).toBe('MODEL_MISSING');
  });

  it('quantises nets on request', async () => {
    const models = createModels();
    const { onnx, rows } = fixture('net_wide');
    const exact = await models.load('exact', onnx);
    const small = await models.load('small', onnx, { weights: 'int8' });
    expect(small.description.byteCount * 2).toBeLessThan(exact.description.byteCount);
    // The same bound as in varve_tiny's own test: two hundredths of the outputs' range.
    const answers = exact.inferBatch(rows);
    const range = Math.max(...answers) - Math.min(...answers);
    expect(difference(small.inferBatch(rows), answers)).toBeLessThan(0.02 * range);
    expect(small.description.steps.some((step) => step.endsWith('int8'))).toBe(true);
  });
});

describe('bad input', () => {
  it('gets a code', async () => {
    const models = createModels();
    const { onnx, features, outputs } = fixture('rf_binary');
    const model = await models.load('m', onnx);
    const row = new Float32Array(features);
    const rows: [string, () => unknown][] = [
      ['MODEL_SHAPE', () => model.infer(new Float32Array(features + 1))],
      ['MODEL_SHAPE', () => model.infer(row, new Float32Array(outputs + 1))],
      ['MODEL_SHAPE', () => model.infer([...row] as unknown as Float32Array)],
      ['MODEL_SHAPE', () => model.infer(new Float64Array(features) as unknown as Float32Array)],
      ['MODEL_SHAPE', () => model.inferBatch(new Float32Array(features + 1))],
      ['MODEL_SHAPE', () => model.inferBatch(row, new Float32Array(1))],
      ['MODEL_DAMAGED', () => models.load('x', new Uint8Array())],
      ['MODEL_DAMAGED', () => models.load('x', onnx.subarray(0, onnx.length / 2))],
      ['MODEL_DAMAGED', () => models.load('x', onnx, { format: 'varve' })],
      ['MODEL_MISSING', () => models.load('x', join(folder, 'absent.onnx'))],
      ['ARGUMENT_INVALID', () => models.load('', onnx)],
      ['ARGUMENT_INVALID', () => models.load('x', 7 as unknown as Uint8Array)],
      ['ARGUMENT_INVALID', () => models.load('x', onnx, { format: 'tflite' as 'onnx' })],
      ['ARGUMENT_INVALID', () => models.load('x', onnx, { weights: 'int4' as 'int8' })],
    ];
    for (const [code, call] of rows)
      expect([await codeOf(call), call.toString()]).toEqual([code, call.toString()]);
    expect(models.list().map(({ name }) => name)).toEqual(['m']);
  });

  it('reports every flipped byte of a file', async () => {
    const models = createModels();
    const file = await models.convert(fixture('lgb_stump').onnx);
    for (let at = 0; at < file.length; at += 7) {
      const damaged = file.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      const code = await codeOf(() => models.load('x', damaged, { format: 'varve' }));
      expect(['MODEL_DAMAGED', 'MODEL_UNSUPPORTED']).toContain(code);
    }
  });

  it('does not follow a prototype into options', async () => {
    const models = createModels();
    const options = JSON.parse('{"__proto__": {"format": "varve", "weights": "int8"}}');
    const model = await models.load('m', fixture('net_wide').onnx, options);
    expect(model.description.steps.some((step) => step.endsWith('int8'))).toBe(false);
  });

  it('answers NaN as a missing value where the model tracks it', async () => {
    const { onnx, features } = fixture('lgb_missing');
    const model = await createModels().load('m', onnx);
    const answer = model.infer(new Float32Array(features).fill(Number.NaN))[0];
    expect(Number.isFinite(answer)).toBe(true);
  });
});
