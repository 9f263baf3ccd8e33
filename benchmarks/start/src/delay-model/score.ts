/**
 * Scores departures with the delay model in one walk through the store, and judges the scores.
 *
 * Everything from `fromMinute` on is scored; what lies before only feeds the averages.
 */
import { delayOf } from '../flights/flight-record.js';
import { clampDelay, DelayFeatures, featureNames } from './features.js';

/** Rows per model call. */
const batchRows = 4096;
const width = featureNames.length;
/** A flight is late from here on, minutes. */
export const lateMinutes = 15;

/** Predictions beside the truth, shape [count] each. */
export interface Scores {
  readonly count: number;
  /** Minutes, as the model says. */
  readonly predicted: Float32Array;
  /** Minutes, cut to what the model was trained on. */
  readonly actual: Float32Array;
  readonly minutes: Uint32Array;
  /** Time in model calls alone. */
  readonly modelSeconds: number;
}

/** Entries of 12 bytes, key and record, in key order. */
export interface Entries {
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** @param infer rows of features, shape [n, 10] → minutes late, shape [n]; valid until the next call */
export function score(
  stretches: Iterable<Entries>,
  { count, fromMinute }: { readonly count: number; readonly fromMinute: number },
  infer: (rows: Float32Array) => Float32Array,
  onProgress: (done: number, total: number) => void,
): Scores {
  const walk = new DelayFeatures();
  const features = new Float32Array(batchRows * width);
  const predicted = new Float32Array(count);
  const actual = new Float32Array(count);
  const minutes = new Uint32Array(count);
  let [seen, scored, waiting, modelSeconds] = [0, 0, 0, 0];
  const flush = () => {
    if (waiting === 0) return;
    const start = performance.now();
    predicted.set(infer(features.subarray(0, waiting * width)), scored - waiting);
    modelSeconds += (performance.now() - start) / 1000;
    waiting = 0;
  };
  for (const { count: entries, bytes } of stretches) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = 0; at < entries; at++) {
      const offset = at * 12;
      const minute = view.getUint32(offset);
      const route = view.getUint32(offset + 4);
      if (minute < fromMinute) walk.next(minute, route, bytes, offset + 8);
      else {
        walk.next(minute, route, bytes, offset + 8, features, waiting * width);
        actual[scored] = clampDelay(delayOf(bytes, offset + 8));
        minutes[scored] = minute;
        scored++;
        waiting++;
        if (waiting === batchRows) flush();
      }
    }
    seen += entries;
    onProgress(seen, count);
  }
  flush();
  const cut = { predicted: predicted.slice(0, scored), actual: actual.slice(0, scored) };
  return { ...cut, count: scored, minutes: minutes.slice(0, scored), modelSeconds };
}

/** Root of the mean squared error of a guess, minutes. */
export function rmse({ count, actual }: Scores, guess: (at: number) => number): number {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += ((actual[at] ?? 0) - guess(at)) ** 2;
  return Math.sqrt(sum / count);
}

/** A tenth of the departures, in the order of what the model says. */
export interface Tenth {
  readonly predicted: number;
  readonly actual: number;
  /** Share that came late. */
  readonly late: number;
}

/** Means per tenth, least risky first. */
export function tenths({ count, predicted, actual }: Scores): Tenth[] {
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  order.sort((a, b) => (predicted[a] ?? 0) - (predicted[b] ?? 0) || a - b);
  return Array.from({ length: 10 }, (_, tenth) => {
    const part = order.subarray(Math.floor((count * tenth) / 10), Math.floor((count * (tenth + 1)) / 10));
    const mean = (of: (at: number) => number) =>
      part.reduce((sum, at) => sum + of(at), 0) / Math.max(1, part.length);
    return {
      predicted: mean((at) => predicted[at] ?? 0),
      actual: mean((at) => actual[at] ?? 0),
      late: mean((at) => ((actual[at] ?? 0) >= lateMinutes ? 1 : 0)),
    };
  });
}
