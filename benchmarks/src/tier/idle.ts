/** Case `idle`: memory of a process with an open, empty database, less that of a bare Node process. */
import { join } from 'node:path';
import { runChild } from '../command.js';
import type { Case, Context, Value } from '../result.js';
import { interleave } from '../rounds.js';
import { summarise } from '../statistics.js';

interface Held {
  readonly resident: number;
  readonly own: number;
}

export async function idle({ folder, progress, size, note }: Context): Promise<readonly Case[]> {
  progress.step('idle memory');
  const kinds = ['bare', 'varve'].map((name) => ({ name }));
  const held = new Map(kinds.map(({ name }) => [name, [] as Held[]]));
  await interleave(kinds, size === 'small' ? 3 : 9, async ({ name }, round) => {
    const answer = await runChild<Held>(
      new URL('idle.child.js', import.meta.url),
      [name, join(folder, `idle-${name}-${round}`)],
      { nodeArgs: ['--expose-gc'] },
    );
    held.get(name)?.push(answer);
    return answer.resident;
  });
  const added = (figure: keyof Held): Value => {
    const bare = summarise((held.get('bare') ?? []).map((answer) => answer[figure])).median;
    return summarise((held.get('varve') ?? []).map((answer) => answer[figure] - bare));
  };
  note(
    'idle: everything resident but the pages of the Node program file counts; the resident set has those too, of which a larger program touches more',
  );
  const of = (metric: string, figure: keyof Held): Case => ({
    case: 'idle',
    metric,
    unit: 'B',
    better: 'lower',
    values: { varve: added(figure) },
  });
  return [of('memory over bare Node', 'own'), of('resident set over bare Node', 'resident')];
}
