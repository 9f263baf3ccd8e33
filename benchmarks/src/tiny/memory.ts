/**
 * Cases `memory` and `first answer`, each measurement in a fresh process.
 *
 * Added memory is what a process holds more than one without runtime and model: all that is resident outside Node's
 * own program file, the runtime's code included; and of that, apart, what no file backs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../command.js';
import type { Case, Context } from '../result.js';
import { interleave, row, WrongAnswer } from '../rounds.js';
import { summarise } from '../statistics.js';
import { type ModelName, readModel } from './models.js';

interface Answer {
  readonly ownBytes: number;
  readonly anonymousBytes: number;
  readonly loadedMs: number;
  readonly answeredMs: number;
  readonly answer?: number;
}

const rival = 'onnxruntime-node';

export async function memoryAndFirstAnswer(
  model: ModelName,
  { progress, seed, size }: Context,
): Promise<readonly Case[]> {
  progress.step(`memory and first answer: ${model}`);
  const kinds = ['bare', 'varve', rival].map((name) => ({ name }));
  const answers = new Map(kinds.map(({ name }) => [name, [] as Answer[]]));
  const folder = mkdtempSync(join(tmpdir(), 'varve-bench-'));
  const file = join(folder, 'model.onnx');
  try {
    writeFileSync(file, readModel(model));
    await interleave(kinds, size === 'small' ? 3 : 9, async ({ name }) => {
      const child = new URL('memory.child.js', import.meta.url);
      const answer = await runChild<Answer>(child, [name, file, String(seed)], { nodeArgs: ['--expose-gc'] });
      answers.get(name)?.push(answer);
      return answer.answeredMs;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
  const of = (name: string): readonly Answer[] => answers.get(name) ?? [];
  const [own, other] = [of('varve')[0]?.answer ?? 0, of(rival)[0]?.answer ?? 0];
  if (!(Math.abs(own - other) <= 1e-5 * Math.max(1, Math.abs(other))))
    throw new WrongAnswer(`${model}, first answer: varve says ${own}, ${rival} ${other}`);
  const bare = (figure: (answer: Answer) => number): number => summarise(of('bare').map(figure)).median;
  const [bareBytes, bareAnonymous] = [bare((a) => a.ownBytes), bare((a) => a.anonymousBytes)];
  const samples = (figure: (answer: Answer) => number): ReadonlyMap<string, readonly number[]> =>
    new Map(['varve', rival].map((name) => [name, of(name).map(figure)]));
  return [
    row(
      { case: `memory, ${model}`, metric: 'added memory', unit: 'B', better: 'lower' },
      samples(({ ownBytes }) => ownBytes - bareBytes),
    ),
    row(
      { case: `memory, ${model}`, metric: 'of it, not backed by a file', unit: 'B', better: 'lower' },
      samples(({ anonymousBytes }) => anonymousBytes - bareAnonymous),
    ),
    row(
      { case: `first answer, ${model}`, metric: 'from load to answer', unit: 'ms', better: 'lower' },
      samples(({ answeredMs }) => answeredMs),
    ),
    row(
      { case: `first answer, ${model}`, metric: 'time after load', unit: 'ms', better: 'lower' },
      samples(({ answeredMs, loadedMs }) => answeredMs - loadedMs),
    ),
  ];
}
