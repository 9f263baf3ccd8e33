/** Loads the delay model into the database, scores what training never saw, and judges it beside two baselines. */
import { delayModelBytes, delayModelFile, readTrainingFacts } from '../delay-model/delay-model.js';
import { featureNames } from '../delay-model/features.js';
import { rmse, type Scores, score, tenths } from '../delay-model/score.js';
import { minuteOf } from '../flights/flight-key.js';
import { startProgress } from '../terminal/progress.js';
import { count } from '../terminal/text.js';
import { scanStretches } from './load.js';
import type { FlightDatabase } from './subjects.js';
import type { ModelFigure } from './summary.js';

/** Training ends before this day. */
const unseenFrom = minuteOf('2001-06-01T00:00');
const singleCalls = 20_000;
const batchRowsMax = 4096;

/**
 * @param rowCount departures in the store
 * @param lastMinute of them; when it lies before June, everything is scored
 */
export async function scoreDelays(
  db: FlightDatabase,
  { rowCount, lastMinute }: { readonly rowCount: number; readonly lastMinute: number },
): Promise<ModelFigure> {
  const progress = startProgress('scoring delays from one scan');
  const model = await db.models.load('delays', delayModelFile);
  const isUnseen = lastMinute >= unseenFrom;
  const answers = new Float32Array(batchRowsMax);
  const scores = score(
    scanStretches(db),
    { count: rowCount, fromMinute: isUnseen ? unseenFrom : 0 },
    (rows) => {
      const answer = answers.subarray(0, rows.length / featureNames.length);
      return model.inferBatch(rows, answer);
    },
    progress.update,
  );
  const { trees, meanDelay, meanDelayOfHour } = readTrainingFacts();
  const parts = tenths(scores);
  const riskiest = parts[9]?.late ?? 0;
  const nsPerCall = timeSingleCalls((features, out) => model.infer(features, out));
  progress.end(`${count(scores.count)} departures`);
  return {
    isUnseen,
    scoredRows: scores.count,
    trees,
    fileBytes: delayModelBytes(),
    rmse: {
      model: rmse(scores, (at) => scores.predicted[at] ?? 0),
      meanOfHour: rmse(scores, (at) => meanDelayOfHour[hourOf(scores, at)] ?? 0),
      mean: rmse(scores, () => meanDelay),
    },
    late: { all: parts.reduce((sum, { late }) => sum + late, 0) / parts.length, riskiest },
    rowsPerSecond: scores.count / scores.modelSeconds,
    nsPerCall,
    tenths: parts,
  };
}

function hourOf({ minutes }: Scores, at: number): number {
  return Math.floor(((minutes[at] ?? 0) % 1440) / 60);
}

/** Over the rows that ONNX Runtime answered at training, so that branches vary. */
function timeSingleCalls(infer: (features: Float32Array, out: Float32Array) => void): number {
  const rows = readTrainingFacts().samples.map(({ features }) => Float32Array.from(features));
  const out = new Float32Array(1);
  const start = performance.now();
  for (let call = 0; call < singleCalls; call++) infer(rows[call % rows.length] ?? new Float32Array(), out);
  return ((performance.now() - start) * 1e6) / singleCalls;
}
