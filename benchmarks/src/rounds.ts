/** Interleaved rounds: every engine is measured once per round, in an order that changes. */
import { quiet } from './quiet.js';
import type { Case, Value } from './result.js';
import { summarise } from './statistics.js';

/** An answer differs between engines: no time of this run can be believed. */
export class WrongAnswer extends Error {}

/** One engine's measurements by round. */
export type Samples = ReadonlyMap<string, readonly number[]>;

/**
 * Measures every engine `rounds` times.
 *
 * The order keeps a slow phase of the machine, or caches that one engine leaves, from always meeting the same engine: see
 * `orderOf`. What its threads still do when it has answered is waited for.
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
    for (const place of orderOf(engines.length, round)) {
      const engine = engines[place];
      if (engine === undefined) continue;
      await quiet();
      samples.get(engine.name)?.push(await measure(engine, round));
    }
  }
  return samples;
}

/**
 * The order of `count` engines in a round: a row of Williams' square (Australian J. of Scientific Research A 2, 1949, p.
 * 149), in which each engine follows each other one equally often. An order that only rotates has each of them always
 * measured behind the same neighbour.
 */
export function orderOf(count: number, round: number): readonly number[] {
  const first = Array.from({ length: count }, (_, at) => (at % 2 === 1 ? (at + 1) / 2 : count - at / 2));
  const order = first.map((place) => (place + round) % count);
  // An odd number of engines takes the rows backwards too.
  return count % 2 === 1 && round % 2 === 1 ? order.reverse() : order;
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
