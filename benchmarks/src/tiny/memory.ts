/** Cases `memory` and `first answer`, each measurement in a fresh process. */
import { runChild } from '../command.js';
import type { Case, Context } from '../result.js';
import { interleave, row, WrongAnswer } from '../rounds.js';
import { summarise } from '../statistics.js';
import type { ModelName } from './models.js';

interface Answer {
  readonly ownBytes: number;
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
  await interleave(kinds, size === 'small' ? 3 : 9, async ({ name }) => {
    const answer = await runChild<Answer>(
      new URL('memory.child.js', import.meta.url),
      [name, model, String(seed)],
      { nodeArgs: ['--expose-gc'] },
    );
    answers.get(name)?.push(answer);
    return answer.answeredMs;
  });
  const of = (name: string): readonly Answer[] => answers.get(name) ?? [];
  const [own, other] = [of('varve')[0]?.answer ?? 0, of(rival)[0]?.answer ?? 0];
  if (!(Math.abs(own - other) <= 1e-5 * Math.max(1, Math.abs(other))))
    throw new WrongAnswer(`${model}, first answer: varve says ${own}, ${rival} ${other}`);
  const bare = summarise(of('bare').map(({ ownBytes }) => ownBytes)).median;
  const samples = (figure: (answer: Answer) => number): ReadonlyMap<string, readonly number[]> =>
    new Map(['varve', rival].map((name) => [name, of(name).map(figure)]));
  return [
    row(
      { case: `memory, ${model}`, metric: 'added memory', unit: 'B', better: 'lower' },
      samples(({ ownBytes }) => ownBytes - bare),
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
