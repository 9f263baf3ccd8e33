/** The delay model as the database runs it, beside what ONNX Runtime answered at training. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '@varve/embedded';
import { expect, it } from 'vitest';
import { delayModelFile, readTrainingFacts } from '../src/delay-model/delay-model.js';
import { featureNames } from '../src/delay-model/features.js';

it('answers as ONNX Runtime did', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'varve-delays-'));
  const db = await open(folder);
  const model = await db.models.load('delays', delayModelFile);
  const { samples } = readTrainingFacts();
  expect(samples.length).toBeGreaterThan(20);
  for (const { features, minutesLate } of samples) {
    expect(features.length).toBe(featureNames.length);
    const [answer = Number.NaN] = model.infer(Float32Array.from(features));
    expect(Math.abs(answer - minutesLate)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(minutesLate)));
  }
  await db.close();
  rmSync(folder, { recursive: true });
});

it('was trained to something better than its baselines', () => {
  const { rmse, testRows } = readTrainingFacts();
  expect(testRows).toBeGreaterThan(500_000);
  expect(rmse.model).toBeLessThan(0.9 * rmse.meanOfHour);
  expect(rmse.meanOfHour).toBeLessThan(rmse.mean);
});
