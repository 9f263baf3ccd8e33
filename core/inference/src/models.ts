/** The models of one database, by name. */
import { readFile, stat } from 'node:fs/promises';
import {
  type LoadedModel,
  type LoadModelOptions,
  type ModelDescription,
  type ModelRuntime,
  requireObject,
  shown,
  VarveError,
} from '@varve/interfaces';
import { binding, type NativeModel, unwrap } from '@varve/native-embedded';
import { TinyModel } from './tiny-model.js';

/** As varve_tiny's `Limits`: a longer file is refused before it is read. */
const fileBytesMax = 64 << 20;
const magic = 'VRVTINY1';

/** Creates a runtime without models. */
export function createModels(): ModelRuntime {
  return new Models();
}

class Models implements ModelRuntime {
  readonly #models = new Map<string, TinyModel>();

  async load(
    name: string,
    source: Uint8Array | string,
    options: LoadModelOptions = {},
  ): Promise<LoadedModel> {
    if (typeof name !== 'string' || name === '')
      throw invalid('a model needs a name: a text that is not empty');
    requireObject(options, 'the options of a model');
    const bytes = typeof source === 'string' ? await fileBytes(source) : source;
    const model = new TinyModel(name, await nativeModel(bytes, options));
    this.#models.get(name)?.retire();
    // Deleted first, so that a model that is loaded again moves to the end of the list.
    this.#models.delete(name);
    this.#models.set(name, model);
    return model;
  }

  get(name: string): LoadedModel {
    const model = this.#models.get(name);
    if (model !== undefined) return model;
    const known = [...this.#models.keys()].map((known) => JSON.stringify(known)).join(', ');
    throw new VarveError('MODEL_MISSING', {
      message: `no model ${shown(name)} is loaded`,
      hint: known === '' ? 'load one first' : `loaded are ${known}`,
    });
  }

  infer(model: string | LoadedModel, features: Float32Array, out?: Float32Array): Float32Array {
    return this.#modelOf(model).infer(features, out);
  }

  inferBatch(model: string | LoadedModel, rows: Float32Array, out?: Float32Array): Float32Array {
    return this.#modelOf(model).inferBatch(rows, out);
  }

  list(): readonly ModelDescription[] {
    return [...this.#models.values()].map(({ description }) => description);
  }

  describe(name: string): ModelDescription {
    return this.get(name).description;
  }

  unload(name: string): boolean {
    this.#models.get(name)?.retire();
    return this.#models.delete(name);
  }

  async convert(onnx: Uint8Array, options: Pick<LoadModelOptions, 'weights'> = {}): Promise<Uint8Array> {
    requireObject(options, 'the options of a conversion');
    return (await nativeModel(onnx, { ...options, format: 'onnx' })).toBytes();
  }

  #modelOf(model: string | LoadedModel): LoadedModel {
    if (typeof model === 'string') return this.get(model);
    if (typeof model?.infer === 'function') return model;
    throw invalid('a model is given by its name, or as load() returned it');
  }
}

async function nativeModel(bytes: Uint8Array, options: LoadModelOptions): Promise<NativeModel> {
  if (!(bytes instanceof Uint8Array)) throw invalid('a model is a Uint8Array or the path of a file');
  const format = Object.hasOwn(options, 'format') ? options.format : formatOf(bytes);
  if (format !== 'varve' && format !== 'onnx') throw invalid(`no model format ${shown(format)}`);
  const weights = Object.hasOwn(options, 'weights') ? options.weights : undefined;
  if (weights !== undefined && weights !== 'int8') throw invalid(`no weights ${shown(weights)}`);
  const model = unwrap(await binding.loadModel(bytes, format === 'onnx'));
  return weights === 'int8' ? model.quantised() : model;
}

function formatOf(bytes: Uint8Array): 'varve' | 'onnx' {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 8)).toString('latin1') === magic
    ? 'varve'
    : 'onnx';
}

async function fileBytes(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size <= fileBytesMax) return await readFile(path);
    throw new VarveError('MODEL_TOO_LARGE', {
      message: `${path} holds ${size} bytes, more than ${fileBytesMax}`,
    });
  } catch (cause) {
    if (cause instanceof VarveError) throw cause;
    throw new VarveError('MODEL_MISSING', {
      message: `the model file ${path} cannot be read`,
      hint: 'check the path and its permissions',
      cause,
    });
  }
}

function invalid(message: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message });
}
