/**
 * One loaded tiny model.
 *
 * Invariant: the two buffers that the native function is bound to never leave this file, so that nobody can detach
 * them under it. Copying a row in and an answer out costs less than unwrapping typed arrays in native code.
 */
import { type LoadedModel, type ModelDescription, VarveError } from '@varve/interfaces';
import { type NativeModel, unwrap } from '@varve/native-embedded';

export class TinyModel implements LoadedModel {
  readonly description: ModelDescription;
  readonly #features: Float32Array;
  readonly #answer: Float32Array;
  readonly #run: () => true | undefined;
  /** Undefined once the model is unloaded. */
  #native: NativeModel | undefined;

  constructor(name: string, native: NativeModel) {
    const { features, outputs, classNumbers, classTexts, steps, bytes } = native.schema();
    const classes = classTexts.length > 0 ? classTexts : classNumbers;
    this.description = Object.freeze({ name, features, outputs, classes, steps, byteCount: bytes });
    this.#features = new Float32Array(features.length);
    this.#answer = new Float32Array(outputs.length);
    this.#run = native.bind(this.#features, this.#answer);
    this.#native = native;
  }

  infer(features: Float32Array, out: Float32Array = new Float32Array(this.#answer.length)): Float32Array {
    const input = this.#features;
    const answer = this.#answer;
    if (
      this.#native === undefined ||
      !(features instanceof Float32Array) ||
      !(out instanceof Float32Array) ||
      features.length !== input.length ||
      out.length !== answer.length
    )
      throw this.#refusal(features, out, false);
    // A loop beats `set` for short rows: no call, no check for overlap.
    if (input.length <= 32) for (let at = 0; at < input.length; at++) input[at] = features[at] as number;
    else input.set(features);
    if (this.#run() !== true) throw broken();
    for (let at = 0; at < answer.length; at++) out[at] = answer[at] as number;
    return out;
  }

  inferBatch(rows: Float32Array, out?: Float32Array): Float32Array {
    const native = this.#native;
    const width = this.#features.length;
    if (native === undefined || !(rows instanceof Float32Array) || rows.length % width !== 0)
      throw this.#refusal(rows, out, true);
    const outLength = (rows.length / width) * this.#answer.length;
    // Not `??`: null is no array, here as in `infer`.
    const answers = out === undefined ? new Float32Array(outLength) : out;
    if (!(answers instanceof Float32Array) || answers.length !== outLength)
      throw this.#refusal(rows, answers, true);
    unwrap(native.inferBatch(rows, answers));
    return answers;
  }

  /** Lets go of the native model; later calls answer MODEL_MISSING. */
  retire(): void {
    this.#native = undefined;
  }

  #refusal(rows: unknown, out: unknown, batch: boolean): VarveError {
    const { name, features, outputs } = this.description;
    if (this.#native === undefined)
      return new VarveError('MODEL_MISSING', {
        message: `the model ${JSON.stringify(name)} was unloaded or replaced`,
        hint: 'ask for it by name again',
      });
    const takes = batch ? `rows of ${features.length} features` : `${features.length} features`;
    const gives = batch ? `${outputs.length} outputs for each` : `${outputs.length} outputs`;
    return new VarveError('MODEL_SHAPE', {
      message: `${said(rows)} in, ${out === undefined ? 'nothing' : said(out)} out: the model ${JSON.stringify(name)} takes ${takes} and gives ${gives}`,
      hint: 'describe() shows the features and outputs of the model',
    });
  }
}

function said(value: unknown): string {
  return value instanceof Float32Array ? `${value.length} numbers` : `no Float32Array`;
}

function broken(): VarveError {
  return new VarveError('MODEL_DAMAGED', {
    message: 'an invariant of the kernels is broken',
    hint: 'load the model again, and report this',
  });
}
