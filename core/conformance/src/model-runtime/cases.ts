/** The suite of the model runtime: answers, names, bytes, bad input. */
import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadedModel, ModelRuntime } from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex, rejectsCode, throwsCode } from '../checks.js';
import { createSeededRandom, forSeeds } from '../simulated/seeded-random.js';
import { drawFloats, drawNet, type Net, onlyOperator } from './onnx-net.js';

/** Makes runtimes without models, and says where a case may put files. */
export interface ModelRuntimeFactory {
  /** A runtime without models. */
  create(): ModelRuntime;
  /** A new empty folder; whoever made the factory cleans up. */
  folder(): Promise<string>;
}

/** Hands what the types forbid to a call. */
const untyped = <T>(value: unknown): T => value as T;

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  hex(new Uint8Array(buffer, byteOffset, byteLength));

/** A net that every case may use. */
const net = (seed = 1): Net => drawNet(createSeededRandom(seed), [5, 7, 3]);

/** f32 may be off by its roundings: a few units of the larger of 1 and what was added up. */
function agrees(actual: Float32Array, expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (const [at, value] of expected.entries()) {
    const off = Math.abs((actual[at] ?? Number.NaN) - value);
    assert.ok(
      off <= 2e-5 * Math.max(1, Math.abs(value)),
      `${what}: output ${at} is ${actual[at]}, not ${value}`,
    );
  }
}

async function load(runtime: ModelRuntime, name: string, { onnx }: Net): Promise<LoadedModel> {
  return runtime.load(name, onnx);
}

/** Every call that names a model answers MODEL_MISSING. */
function isMissing(runtime: ModelRuntime, name: string): void {
  throwsCode('MODEL_MISSING', () => runtime.get(name), `get ${name}`);
  throwsCode('MODEL_MISSING', () => runtime.describe(name), `describe ${name}`);
  throwsCode('MODEL_MISSING', () => runtime.infer(name, new Float32Array(5)), `infer ${name}`);
  throwsCode('MODEL_MISSING', () => runtime.inferBatch(name, new Float32Array(5)), `inferBatch ${name}`);
  assert.equal(runtime.unload(name), false, `unload ${name}`);
}

const answerCases: readonly Case<ModelRuntimeFactory>[] = [
  {
    name: 'a net answers what its layers add up to',
    run: (factory) =>
      forSeeds(12, async (random) => {
        const widths = Array.from({ length: 2 + random.below(3) }, () => 1 + random.below(70));
        const drawn = drawNet(random, widths);
        const model = await load(factory.create(), 'net', drawn);
        for (let turn = 0; turn < 5; turn += 1) {
          const row = drawFloats(random, drawn.features);
          // Deep sums may be large while they cancel: the scale of the last layer's input is that of the error.
          const expected = drawn.answer(row);
          const scale = Math.max(1, ...expected.map(Math.abs));
          const relative = model.infer(row).map((value) => value / scale);
          agrees(
            relative,
            expected.map((value) => value / scale),
            `widths ${widths.join('-')}`,
          );
        }
      }),
  },
  {
    name: 'a batch of any size answers each row as it answers alone, to the bit',
    run: (factory) =>
      forSeeds(6, async (random) => {
        const drawn = drawNet(random, [1 + random.below(40), 1 + random.below(40), 1 + random.below(5)]);
        const { features, outputs } = drawn;
        const model = await load(factory.create(), 'net', drawn);
        for (const count of [0, 1, 7, 64, 65, 1 + random.below(300)]) {
          const rows = drawFloats(random, count * features);
          const answers = model.inferBatch(rows);
          assert.equal(answers.length, count * outputs);
          for (let row = 0; row < count; row += 1) {
            const alone = model.infer(rows.subarray(row * features, (row + 1) * features));
            const inBatch = answers.subarray(row * outputs, (row + 1) * outputs);
            assert.equal(bytesOf(inBatch), bytesOf(alone), `row ${row} of ${count}`);
          }
        }
      }),
  },
  {
    name: 'answers are written into `out`, which is returned; rows stay as they are',
    run: async (factory) => {
      const runtime = factory.create();
      const model = await load(runtime, 'net', net());
      const rows = drawFloats(createSeededRandom(2), 10);
      const before = bytesOf(rows);
      const one = new Float32Array(3);
      const two = new Float32Array(6);
      assert.equal(model.infer(rows.subarray(0, 5), one), one);
      assert.equal(model.inferBatch(rows, two), two);
      assert.equal(bytesOf(one), bytesOf(two.subarray(0, 3)));
      assert.equal(bytesOf(rows), before);
      // Neither the next call nor a view into a larger buffer disturbs it.
      const wide = new Float32Array(9).fill(7);
      model.infer(rows.subarray(5), wide.subarray(3, 6));
      assert.equal(bytesOf(wide.subarray(3, 6)), bytesOf(two.subarray(3)));
      assert.deepEqual([...wide.subarray(0, 3), ...wide.subarray(6)], Array(6).fill(7));
      assert.equal(bytesOf(one), bytesOf(two.subarray(0, 3)));
    },
  },
  {
    name: 'a runtime answers by name and by model as the model does',
    run: async (factory) => {
      const runtime = factory.create();
      const model = await load(runtime, 'net', net());
      const rows = drawFloats(createSeededRandom(2), 10);
      const [one, two] = [model.infer(rows.subarray(0, 5)), model.inferBatch(rows)];
      for (const which of ['net', model] as const) {
        const out = new Float32Array(6);
        assert.deepEqual(runtime.infer(which, rows.subarray(0, 5)), one);
        assert.deepEqual(runtime.inferBatch(which, rows), two);
        assert.equal(runtime.inferBatch(which, rows, out), out);
        assert.deepEqual(out, two);
      }
      assert.equal(runtime.get('net'), model);
    },
  },
  {
    name: 'weights of 8 bits stay within their bound, and take less memory',
    run: (factory) =>
      forSeeds(8, async (random) => {
        const drawn = drawNet(random, [32 + random.below(60), 16 + random.below(60)]);
        const runtime = factory.create();
        const exact = await load(runtime, 'exact', drawn);
        const small = await runtime.load('small', drawn.onnx, { weights: 'int8' });
        assert.ok(small.description.byteCount < exact.description.byteCount / 2);
        const row = drawFloats(random, drawn.features);
        const [expected, answer, bounds] = [drawn.answer(row), small.infer(row), drawn.int8Error(row)];
        for (const [at, bound] of bounds.entries()) {
          const off = Math.abs((answer[at] ?? Number.NaN) - (expected[at] ?? 0));
          assert.ok(off <= bound * 1.001, `output ${at} is off by ${off}, more than ${bound}`);
        }
      }),
  },
];

const nameCases: readonly Case<ModelRuntimeFactory>[] = [
  {
    name: 'a loaded model is described: name, features, outputs, parts, bytes',
    run: async (factory) => {
      const runtime = factory.create();
      const { description } = await load(runtime, 'net', net());
      assert.deepEqual(runtime.describe('net'), description);
      assert.equal(description.name, 'net');
      assert.equal(description.features.length, 5);
      assert.equal(description.outputs.length, 3);
      assert.deepEqual(description.classes, []);
      assert.ok(description.steps.length > 0);
      // At least its weights, 5 · 7 + 7 and 7 · 3 + 3 of four bytes.
      assert.ok(description.byteCount >= 264, `${description.byteCount} bytes`);
    },
  },
  {
    name: 'models are listed in the order of loading; one that is loaded again comes last',
    run: async (factory) => {
      const runtime = factory.create();
      const names = (): readonly string[] => runtime.list().map(({ name }) => name);
      assert.deepEqual(names(), []);
      for (const name of ['b', 'a', 'c', '__proto__']) await load(runtime, name, net());
      assert.deepEqual(names(), ['b', 'a', 'c', '__proto__']);
      await load(runtime, 'b', net());
      assert.deepEqual(names(), ['a', 'c', '__proto__', 'b']);
      assert.equal(runtime.unload('c'), true);
      assert.deepEqual(names(), ['a', '__proto__', 'b']);
    },
  },
  {
    name: 'a name that nothing was loaded under is missing',
    run: async (factory) => {
      const runtime = factory.create();
      isMissing(runtime, 'net');
      await load(runtime, 'net', net());
      for (const name of ['', 'Net', '__proto__', 'toString']) isMissing(runtime, name);
      isMissing(factory.create(), 'net');
    },
  },
  {
    name: 'an unloaded model is missing, and so is its object',
    run: async (factory) => {
      const runtime = factory.create();
      const model = await load(runtime, 'net', net());
      assert.equal(runtime.unload('net'), true);
      isMissing(runtime, 'net');
      throwsCode('MODEL_MISSING', () => model.infer(new Float32Array(5)), 'infer');
      throwsCode('MODEL_MISSING', () => model.inferBatch(new Float32Array(5)), 'inferBatch');
      throwsCode('MODEL_MISSING', () => runtime.infer(model, new Float32Array(5)), 'by object');
    },
  },
  {
    name: 'a model that is loaded under a name in use replaces the former one, whose object is missing',
    run: async (factory) => {
      const runtime = factory.create();
      const former = await load(runtime, 'net', net(1));
      const present = await load(runtime, 'net', net(2));
      const row = drawFloats(createSeededRandom(3), 5);
      throwsCode('MODEL_MISSING', () => former.infer(row), 'the former');
      agrees(runtime.infer('net', row), net(2).answer(row), 'the present');
      assert.equal(runtime.get('net'), present);
    },
  },
  {
    name: 'a load that fails leaves the model of that name as it is',
    run: async (factory) => {
      const runtime = factory.create();
      const model = await load(runtime, 'net', net());
      await rejectsCode('MODEL_DAMAGED', () => runtime.load('net', new Uint8Array(9)), 'nine zeros');
      const row = drawFloats(createSeededRandom(3), 5);
      agrees(model.infer(row), net().answer(row), 'the model');
      assert.equal(runtime.get('net'), model);
    },
  },
];

const byteCases: readonly Case<ModelRuntimeFactory>[] = [
  {
    name: 'a converted model answers as the imported one, to the bit, from bytes and from a file',
    run: async (factory) => {
      const runtime = factory.create();
      const imported = await load(runtime, 'imported', net());
      const file = await runtime.convert(net().onnx);
      assert.deepEqual(runtime.list().length, 1, 'converting loads nothing');
      const path = join(await factory.folder(), 'net.model');
      await writeFile(path, file);
      const rows = drawFloats(createSeededRandom(2), 5 * 70);
      for (const [source, format] of [
        [file, undefined],
        [file, 'varve'],
        [path, undefined],
      ] as const) {
        const saved = await runtime.load('saved', source, format === undefined ? {} : { format });
        assert.equal(bytesOf(saved.inferBatch(rows)), bytesOf(imported.inferBatch(rows)));
      }
      const small = await runtime.load('small', await runtime.convert(net().onnx, { weights: 'int8' }));
      const rounded = await runtime.load('rounded', net().onnx, { weights: 'int8' });
      assert.equal(bytesOf(small.inferBatch(rows)), bytesOf(rounded.inferBatch(rows)));
    },
  },
  {
    name: 'bytes are copied before `load` returns',
    run: async (factory) => {
      const bytes = net().onnx.slice();
      const loading = factory.create().load('net', bytes);
      bytes.fill(0);
      const row = drawFloats(createSeededRandom(3), 5);
      agrees((await loading).infer(row), net().answer(row), 'the model');
    },
  },
  {
    name: 'every changed bit and every cut of a file is reported',
    run: (factory) =>
      forSeeds(40, async (random) => {
        const runtime = factory.create();
        const file = await runtime.convert(net().onnx);
        const damaged = file.slice();
        const at = random.below(file.length);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << random.below(8));
        for (const bytes of [damaged, file.subarray(0, at)]) {
          const outcome = await runtime.load('net', bytes, { format: 'varve' }).then(
            () => 'was loaded',
            (error: { readonly code?: string }) => error.code,
          );
          // The version's field may say "newer" now.
          assert.ok(outcome === 'MODEL_DAMAGED' || outcome === 'MODEL_UNSUPPORTED', `byte ${at}: ${outcome}`);
        }
        assert.deepEqual(runtime.list(), []);
      }),
  },
];

/** The longest model file, in bytes. */
const modelBytesMax = 64 << 20;

const refusalCases: readonly Case<ModelRuntimeFactory>[] = [
  {
    name: 'bytes and files of more than 64 MiB are too large, and the former model stays',
    run: async (factory) => {
      const runtime = factory.create();
      const row = drawFloats(createSeededRandom(4), 5);
      const former = await load(runtime, 'net', net());
      const path = join(await factory.folder(), 'large.model');
      await writeFile(path, '');
      await truncate(path, modelBytesMax + 1);
      const bytes = new Uint8Array(modelBytesMax + 1);
      for (const [what, source] of Object.entries({ bytes, path })) {
        for (const options of [{}, { format: 'varve' }, { format: 'onnx' }] as const)
          await rejectsCode('MODEL_TOO_LARGE', () => runtime.load('net', source, options), what);
      }
      await rejectsCode('MODEL_TOO_LARGE', () => runtime.convert(bytes), 'convert');
      // One byte less is not too large; it is no model.
      const longest = bytes.subarray(1);
      await rejectsCode('MODEL_DAMAGED', () => runtime.load('net', longest, { format: 'varve' }), 'longest');
      assert.equal(runtime.get('net'), former);
      agrees(former.infer(row), net().answer(row), 'the former model');
    },
  },
  {
    name: 'an operator that is not supported is named, and the former model stays',
    run: async (factory) => {
      const runtime = factory.create();
      const former = await load(runtime, 'net', net());
      // The message is sound: with an operator that every runtime has it loads.
      await runtime.load('other', onlyOperator('Relu'));
      for (const call of [
        () => runtime.load('net', onlyOperator('Loop')),
        () => runtime.convert(onlyOperator('Loop')),
      ]) {
        await rejectsCode('MODEL_UNSUPPORTED', call, 'Loop');
        await assert.rejects(call, /Loop/);
      }
      assert.equal(runtime.get('net'), former);
      assert.deepEqual(
        runtime.list().map(({ name }) => name),
        ['net', 'other'],
      );
    },
  },
];

const argumentCases: readonly Case<ModelRuntimeFactory>[] = [
  {
    name: 'rows and answers of a wrong length or type are refused, and nothing is written',
    run: async (factory) => {
      const model = await load(factory.create(), 'net', net());
      const row = new Float32Array(5);
      const out = new Float32Array(3).fill(7);
      const badRows = [4, 6, 0].map((length) => new Float32Array(length));
      for (const bad of [...badRows, new Float64Array(5), [1, 2, 3, 4, 5], undefined, null, 'text'])
        throwsCode('MODEL_SHAPE', () => model.infer(untyped(bad), out), `infer ${typeof bad}`);
      for (const bad of [new Float32Array(6), new Float64Array(5), [1, 2, 3, 4, 5], null])
        throwsCode('MODEL_SHAPE', () => model.inferBatch(untyped(bad), out), `inferBatch ${typeof bad}`);
      // A caller whose `out` was null by mistake got a new array from `inferBatch`, while `infer` refused it.
      for (const bad of [new Float32Array(2), new Float32Array(4), new Float64Array(3), null]) {
        throwsCode('MODEL_SHAPE', () => model.infer(row, untyped(bad)), 'infer out');
        throwsCode('MODEL_SHAPE', () => model.inferBatch(row, untyped(bad)), 'inferBatch out');
      }
      assert.deepEqual([...out], [7, 7, 7]);
    },
  },
  {
    name: 'names, sources and options of a wrong kind are refused',
    run: async (factory) => {
      const runtime = factory.create();
      const { onnx } = net();
      for (const name of ['', 7, null, undefined])
        await rejectsCode('ARGUMENT_INVALID', () => runtime.load(untyped(name), onnx), `name ${name}`);
      for (const source of [7, null, undefined, {}, new ArrayBuffer(8)])
        await rejectsCode('ARGUMENT_INVALID', () => runtime.load('net', untyped(source)), `${typeof source}`);
      for (const options of [{ format: 'tflite' }, { weights: 'int4' }])
        await rejectsCode('ARGUMENT_INVALID', () => runtime.load('net', onnx, untyped(options)), 'options');
      const absent = join(await factory.folder(), 'absent');
      await rejectsCode('MODEL_MISSING', () => runtime.load('net', absent), 'a file that is not there');
      await rejectsCode('MODEL_DAMAGED', () => runtime.load('net', onnx, { format: 'varve' }), 'as a file');
      await rejectsCode('MODEL_DAMAGED', () => runtime.convert(new Uint8Array(9)), 'convert');
      assert.deepEqual(runtime.list(), []);
    },
  },
  {
    name: 'options are not taken from a prototype',
    run: async (factory) => {
      const runtime = factory.create();
      const parsed: object = JSON.parse('{"__proto__": {"format": "varve", "weights": "int8"}}');
      const exact = await load(runtime, 'exact', net());
      // As it was parsed it has a property of that name; copied, a prototype.
      for (const options of [parsed, Object.assign({}, parsed)]) {
        const model = await runtime.load('net', net().onnx, options);
        assert.equal(model.description.byteCount, exact.description.byteCount);
      }
    },
  },
];

/** Every promise of `ModelRuntime`. */
export const modelRuntimeCases: readonly Case<ModelRuntimeFactory>[] = [
  ...answerCases,
  ...nameCases,
  ...byteCases,
  ...refusalCases,
  ...argumentCases,
];
