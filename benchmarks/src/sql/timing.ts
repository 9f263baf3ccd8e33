/** Compares the answers to a query, then times it, engine beside engine; and sums up many queries. */
import type { Progress } from '../progress.js';
import type { Case, Value } from '../result.js';
import { interleave, type Samples } from '../rounds.js';
import { exact } from '../statistics.js';
import type { Query, SqlEngine } from './engine.js';
import { type Fingerprint, fingerprint, mustMatch, type Tolerance } from './fingerprint.js';

/** Hot runs of one query, ms by engine. */
export interface Timed {
  readonly query: Query;
  readonly samples: Samples;
}

/** The same, and what the first run of each round took. */
export interface TimedRounds extends Timed {
  readonly firsts: Samples;
}

export interface TimingOptions {
  /** Rounds of a query. */
  readonly roundsOf: (query: Query) => number;
  /**
   * What a round takes at least behind its first run, ms; its sample is the mean of these runs. Without it a round is one run.
   * A query of a millisecond is hot only when it comes again at once: the engines measured meanwhile fill the processor's
   * caches, and a virtual machine may take a page away that nobody used for half a second.
   */
  readonly roundMs?: number;
  readonly tolerance: Tolerance;
  readonly progress: Progress;
}

/** Sums of floating point numbers in another order differ in their last digits. */
export const lastDigits: Tolerance = { relative: 1e-9, absolute: 0 };

/**
 * The run whose answers are compared is the first and warms caches up; the others are timed.
 *
 * @throws WrongAnswer when engines answer differently
 */
export async function timeQueries(
  engines: readonly SqlEngine[],
  queries: readonly Query[],
  { roundsOf, roundMs = 0, tolerance, progress }: TimingOptions,
): Promise<readonly TimedRounds[]> {
  const all: TimedRounds[] = [];
  for (const query of queries) {
    const answers = new Map<string, Fingerprint>();
    for (const engine of engines) answers.set(engine.name, await fingerprint(engine.answer(query)));
    mustMatch(query.name, answers, tolerance);
    const firsts = new Map(engines.map(({ name }) => [name, [] as number[]]));
    const samples = await interleave(engines, roundsOf(query), async (engine) => {
      const first = await msOf(() => engine.run(query));
      firsts.get(engine.name)?.push(first);
      let [ms, runs] = [0, 0];
      for (; ms < roundMs; runs++) ms += await msOf(() => engine.run(query));
      return runs === 0 ? first : ms / runs;
    });
    all.push({ query, samples, firsts });
    progress.at(all.length / queries.length);
  }
  return all;
}

/** How long something takes, ms. */
export async function msOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Each engine's geometric mean of its best times, ms; engines that lack a query are left out. */
export function geometricMeans(all: readonly Timed[]): Readonly<Record<string, Value>> {
  return overQueries(all, (times) =>
    Math.exp(times.reduce((sum, ms) => sum + Math.log(ms), 0) / times.length),
  );
}

/** Each engine's sum of its best times, ms. */
export function totals(all: readonly Timed[]): Readonly<Record<string, Value>> {
  return overQueries(all, (times) => times.reduce((sum, ms) => sum + ms, 0));
}

/** Each other engine's greatest ratio of best times to those of `reference`. */
export function worstRatios(all: readonly Timed[], reference: string): Readonly<Record<string, Value>> {
  const values: Record<string, Value> = {};
  for (const engine of enginesOf(all)) {
    if (engine === reference) continue;
    values[engine] = exact(Math.max(...all.map((timed) => best(timed, engine) / best(timed, reference))));
  }
  return values;
}

/**
 * Varve's time over that of whichever of some rivals is better, as one row; no row without Varve.
 *
 * @param means by engine, ms
 */
export function overBetter(
  head: Pick<Case, 'case' | 'metric'>,
  means: Readonly<Record<string, Value>>,
  rivals: readonly string[],
): readonly Case[] {
  const own = means['varve']?.median;
  if (own === undefined) return [];
  const better = Math.min(...rivals.map((name) => means[name]?.median ?? Number.POSITIVE_INFINITY));
  return [{ ...head, unit: 'x', better: 'lower', values: { varve: exact(own / better) } }];
}

function overQueries(
  all: readonly Timed[],
  figure: (times: readonly number[]) => number,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    enginesOf(all).map((engine) => [engine, exact(figure(all.map((timed) => best(timed, engine))))]),
  );
}

function enginesOf(all: readonly Timed[]): readonly string[] {
  return [...(all[0]?.samples.keys() ?? [])];
}

const best = ({ samples }: Timed, engine: string): number => Math.min(...(samples.get(engine) ?? []));
