/** The delay model that lies beside this package, and what its training measured. */
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of the ONNX message. */
export const delayModelFile: string = fileURLToPath(new URL('../../model/delays.onnx', import.meta.url));

/** What train.py wrote beside it. */
export interface TrainingFacts {
  readonly trees: number;
  /** Mean of all delays and per hour of the day, over the training days: the baselines. */
  readonly meanDelay: number;
  readonly meanDelayOfHour: readonly number[];
  readonly testRows: number;
  readonly rmse: { readonly model: number; readonly meanOfHour: number; readonly mean: number };
  /** Rows with what ONNX Runtime makes of them. */
  readonly samples: readonly { readonly features: readonly number[]; readonly minutesLate: number }[];
}

export function readTrainingFacts(): TrainingFacts {
  return JSON.parse(
    readFileSync(new URL('../../model/delays.json', import.meta.url), 'utf8'),
  ) as TrainingFacts;
}

export function delayModelBytes(): number {
  return statSync(delayModelFile).size;
}
