/**
 * The model runtime's contract, as far as tiny models go: load, score one row, score many, save.
 *
 * A row is as many float32 numbers as the model has features; an answer is as many as it has outputs. NaN is a missing
 * value. Answers of one row and of a batch are the same to the bit, on every CPU.
 */

/** What a model's bytes are: a file of Varve, or an ONNX message. */
export type ModelFormat = 'varve' | 'onnx';

/** How a model is loaded. */
export interface LoadModelOptions {
  /** Absent: by the first bytes. */
  readonly format?: ModelFormat;
  /**
   * `int8` rounds the weights of dense layers to 8 bits per output channel: a quarter of the memory; the bound on the
   * error is in varve_tiny's design.md. Forests stay as they are. Absent: as the model is.
   */
  readonly weights?: 'int8';
}

/** What a loaded model takes and gives. */
export interface ModelDescription {
  readonly name: string;
  /** Names of the features, in the order of a row. */
  readonly features: readonly string[];
  /** Names of the outputs, in the order of an answer: one per target, or one score per class. */
  readonly outputs: readonly string[];
  /** Labels of the outputs of a classifier, in their order; empty where there are none. */
  readonly classes: readonly (string | number)[];
  /** What the model consists of, for people: `forest of 100 trees, 12334 nodes`. */
  readonly steps: readonly string[];
  /** Bytes of weights, trees and constants in memory. */
  readonly byteCount: number;
}

/** A loaded model; valid until it is unloaded or its name is loaded again. */
export interface LoadedModel {
  readonly description: ModelDescription;
  /**
   * Scores one row, synchronously.
   *
   * @param features shape [features], float32; copied before the call returns
   * @param out shape [outputs], float32; a new array when absent
   * @returns `out`
   * @throws VarveError MODEL_SHAPE when a length differs; MODEL_MISSING when the model is unloaded
   * Cost: no allocation with `out`; 100 trees of depth 6 take a few microseconds.
   */
  infer(features: Float32Array, out?: Float32Array): Float32Array;
  /**
   * Scores rows one after another, synchronously: the event loop waits.
   *
   * @param rows shape [n, features], float32
   * @param out shape [n, outputs], float32; a new array when absent
   * @returns `out`
   * @throws VarveError MODEL_SHAPE when a length differs; MODEL_MISSING when the model is unloaded
   * Cost: no allocation with `out`; per row and tree about half of what `infer` takes.
   */
  inferBatch(rows: Float32Array, out?: Float32Array): Float32Array;
}

/** Models by name. */
export interface ModelRuntime {
  /**
   * Loads a model under `name`, in place of one that has it.
   *
   * @param source the model's bytes (copied), or the path of a file
   * @throws VarveError MODEL_DAMAGED, MODEL_UNSUPPORTED (its message names what is missing here), MODEL_TOO_LARGE (more
   *   than 64 MiB; see varve_tiny's `Limits`), MODEL_MISSING when there is no file, ARGUMENT_INVALID; a model that had
   *   the name stays
   * Cost: on a native thread; the event loop does not wait.
   */
  load(name: string, source: Uint8Array | string, options?: LoadModelOptions): Promise<LoadedModel>;
  /**
   * The model of a name.
   *
   * @throws VarveError MODEL_MISSING
   */
  get(name: string): LoadedModel;
  /**
   * Scores one row: `get(model).infer(features, out)`.
   *
   * @param model a name or a loaded model
   */
  infer(model: string | LoadedModel, features: Float32Array, out?: Float32Array): Float32Array;
  /** Scores rows: `get(model).inferBatch(rows, out)`. */
  inferBatch(model: string | LoadedModel, rows: Float32Array, out?: Float32Array): Float32Array;
  /** Every loaded model, in the order of loading. */
  list(): readonly ModelDescription[];
  /**
   * What a loaded model takes and gives.
   *
   * @throws VarveError MODEL_MISSING
   */
  describe(name: string): ModelDescription;
  /** Forgets a model; returns whether there was one. Its `LoadedModel` answers MODEL_MISSING from then on. */
  unload(name: string): boolean;
  /**
   * Turns an ONNX message into a file of Varve, which opens faster and needs no importer.
   *
   * @throws VarveError as `load`
   */
  convert(onnx: Uint8Array, options?: Pick<LoadModelOptions, 'weights'>): Promise<Uint8Array>;
}
