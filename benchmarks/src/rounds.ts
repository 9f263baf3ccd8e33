/** Interleaved rounds: every engine is measured once per round, in an order that rotates. */
import type { Case, Value } from './result.js';
import { summarise } from './statistics.js';

/** An answer differs between engines: no time of this run can be believed. */
export class WrongAnswer extends Error {}

/** One engine's measurements by round. */
export type Samples = ReadonlyMap<string, readonly number[]>;

/**
 * Measures every engine `rounds` times.
 *
 * Rotation keeps a slow phase of the machine, or a cache that one engine leaves warm, from always meeting the same
 * engine.
 *
 * @param measure one measurement; what it returns is collected
 */
export async function interleave<E extends { readonly name: string }>(
  engines: readonly E[],
  rounds: number,
  measure: (engine: E, round: number) => Promise<number> | number,
): Promise<Samples> {
  const samples = new Map(engines.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < engines.length; i++) {
      const engine = engines[(i + round) % engines.length];
      if (engine === undefined) continue;
      samples.get(engine.name)?.push(await measure(engine, round));
    }
  }
  return samples;
}

/** @throws WrongAnswer unless every engine gave the same digest */
export function mustAgree(what: string, answers: ReadonlyMap<string, string | number>): void {
  const [first] = answers;
  if (first === undefined) return;
  for (const [name, answer] of answers) {
    if (answer === first[1]) continue;
    throw new WrongAnswer(`${what}: ${name} answers ${answer}, ${first[0]} answers ${first[1]}`);
  }
}

/** A row of results from samples. */
export function row(
  head: Pick<Case, 'case' | 'metric' | 'unit' | 'better'> & Pick<Partial<Case>, 'remark'>,
  samples: Samples,
): Case {
  const values: Record<string, Value> = {};
  for (const [name, list] of samples) if (list.length > 0) values[name] = summarise(list);
  return { ...head, values };
}
