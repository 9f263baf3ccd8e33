/**
 * Nets for the suite of the model runtime: random layers as an ONNX message, and what they answer.
 *
 * The message is written field by field, so that the suite needs no file and no library. Answers are worked out in
 * doubles, layer by layer: the oracle of the cases.
 *
 * Source: onnx.proto of ONNX 1.16 (IR version 8, opset 13): ModelProto, GraphProto, NodeProto, TensorProto.
 */
import type { SeededRandom } from '../simulated/seeded-random.js';

/** One layer: y = x · weights + bias. */
interface Layer {
  /** Shape [inputs, outputs]. */
  readonly weights: Float32Array;
  /** Shape [outputs]. */
  readonly bias: Float32Array;
}

/** A net, as a runtime gets it and as the oracle answers. */
export interface Net {
  readonly features: number;
  readonly outputs: number;
  readonly onnx: Uint8Array;
  /** What one row gives. */
  answer(row: Float32Array): readonly number[];
  /**
   * How far weights of 8 bits may move each output of a net of one layer: weights and inputs are rounded to 127 steps
   * either side, per output and per row.
   */
  int8Error(row: Float32Array): readonly number[];
}

/** Float32 numbers between -2 and 2; shape [count]. */
export const drawFloats = (random: SeededRandom, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => random.uint32() / 2 ** 30 - 2);

/** Draws a net. @param widths of features, of hidden layers (cut off at zero), and of outputs */
export function drawNet(random: SeededRandom, widths: readonly number[]): Net {
  const layers = widths.slice(1).map((outputs, at): Layer => {
    const inputs = widths[at] ?? 0;
    return { weights: drawFloats(random, inputs * outputs), bias: drawFloats(random, outputs) };
  });
  return {
    features: widths[0] ?? 0,
    outputs: widths.at(-1) ?? 0,
    onnx: message(widths, layers),
    answer: (row) => layers.reduce((x, layer, at) => through(layer, at > 0 ? x.map(cut) : x), [...row]),
    int8Error: (row) => int8Error(layers, row),
  };
}

const cut = (x: number): number => Math.max(0, x);

function through({ weights, bias }: Layer, x: readonly number[]): number[] {
  const outputs = bias.length;
  return Array.from(bias, (start, j) =>
    x.reduce((sum, x, i) => sum + x * (weights[i * outputs + j] ?? 0), start),
  );
}

function int8Error([layer]: readonly Layer[], row: Float32Array): number[] {
  const { weights = new Float32Array(), bias = new Float32Array() } = layer ?? {};
  const most = (values: Iterable<number>): number => Math.max(0, ...Array.from(values, Math.abs));
  const a = most(row) / 127;
  return Array.from(bias, (_, j) => {
    const column = Array.from(row, (_, i) => weights[i * bias.length + j] ?? 0);
    const s = most(column) / 127;
    return row.reduce(
      (sum, x, i) => sum + (Math.abs(x) * s) / 2 + (Math.abs(column[i] ?? 0) * a) / 2 + (a * s) / 4,
      1e-5,
    );
  });
}

/** A model of three features whose only step is `operator`, without attributes. */
export const onlyOperator = (operator: string): Uint8Array =>
  model([
    field(1, node(operator, ['x'], 'y')),
    field(2, 'one'),
    field(11, rows('x', 3)),
    field(12, rows('y', 3)),
  ]);

/** ModelProto: ir_version 1, graph 7, opset_import 8. */
const model = (graph: readonly Uint8Array[]): Uint8Array =>
  join([number(1, 8), field(7, join(graph)), field(8, number(2, 13))]);

function message(widths: readonly number[], layers: readonly Layer[]): Uint8Array {
  const nodes = layers.flatMap((_, at) => {
    const [from, to] = [at === 0 ? 'x' : `cut${at - 1}`, at === layers.length - 1 ? 'y' : `sum${at}`];
    const product = node('Gemm', [from, `weights${at}`, `bias${at}`], to);
    return to === 'y' ? [product] : [product, node('Relu', [to], `cut${at}`)];
  });
  const tensors = layers.flatMap(({ weights, bias }, at) => [
    tensor(`weights${at}`, [widths[at] ?? 0, bias.length], weights),
    tensor(`bias${at}`, [bias.length], bias),
  ]);
  return model([
    ...nodes.map((node) => field(1, node)),
    field(2, 'net'),
    ...tensors.map((tensor) => field(5, tensor)),
    field(11, rows('x', widths[0] ?? 0)),
    field(12, rows('y', widths.at(-1) ?? 0)),
  ]);
}

/** NodeProto: input 1, output 2, op_type 4. */
const node = (operator: string, inputs: readonly string[], output: string): Uint8Array =>
  join([...inputs.map((input) => field(1, input)), field(2, output), field(4, operator)]);

/** TensorProto: dims 1, data_type 2 (1 is float), name 8, raw_data 9. */
function tensor(name: string, shape: readonly number[], values: Float32Array): Uint8Array {
  const raw = new DataView(new ArrayBuffer(values.length * 4));
  for (const [at, value] of values.entries()) raw.setFloat32(at * 4, value, true);
  const sizes = shape.map((size) => number(1, size));
  return join([...sizes, number(2, 1), field(8, name), field(9, new Uint8Array(raw.buffer))]);
}

/** ValueInfoProto of float rows: name 1, type 2; any number of rows, `width` columns. */
function rows(name: string, width: number): Uint8Array {
  const shape = join([field(1, field(2, 'rows')), field(1, number(1, width))]);
  return join([field(1, name), field(2, field(1, join([number(1, 1), field(2, shape)])))]);
}

/** A field of wire type 2: text or bytes. */
function field(id: number, content: string | Uint8Array): Uint8Array {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return join([varint((id << 3) | 2), varint(bytes.length), bytes]);
}

/** A field of wire type 0. */
const number = (id: number, value: number): Uint8Array => join([varint(id << 3), varint(value)]);

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Uint8Array.from([...bytes, rest]);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
