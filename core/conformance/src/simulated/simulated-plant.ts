/**
 * A store's index in miniature: how long a lookup takes follows from policy, workload and delta by a stated rule,
 * so that a test knows what the loop ought to find.
 */
import type { Action, Forecast, IndexKind, IndexPolicy, Observation, Plant } from '@varve/interfaces';

/** True cost of a lookup, ns, by index kind, for each workload. */
export type Truth = Readonly<Record<string, Partial<Record<Exclude<IndexKind, 'auto'>, number>>>>;

export class SimulatedPlant implements Plant {
  readonly merges: IndexPolicy[] = [];
  workload: string;
  deltaNs = 0;
  hardness = 1_000;
  mergeFailure: Error | undefined;
  /** Forecasts that lie: predicted ns per lookup by kind, in place of the truth. */
  readonly lies: Partial<Record<IndexKind, number>> = {};
  readonly #truth: Truth;
  #policy: IndexPolicy;
  #live: IndexPolicy;
  #segmentId = 1;
  #lookups = 0;
  #samples = 0;
  #ns = 0;
  #nsSquared = 0;
  #deltaTotalNs = 0;
  #segmentSamples = 0;
  #segmentLines = 0;

  constructor(truth: Truth, { workload, policy }: { workload: string; policy: IndexPolicy }) {
    this.#truth = truth;
    this.workload = workload;
    this.#policy = policy;
    this.#live = policy;
  }

  /** Serves lookups. `lines` is what a line probe walks for each; the build measured 1, as other kinds always do. */
  serve(samples: number, lines: number): void {
    const ns = this.#nsOf(this.#live) + this.deltaNs;
    this.#samples += samples;
    this.#lookups += samples * 1024;
    this.#ns += samples * ns;
    this.#nsSquared += samples * ns * ns;
    this.#deltaTotalNs += samples * this.deltaNs;
    this.#segmentSamples += samples;
    this.#segmentLines += samples * (this.#live.kind === 'line-probe' ? lines : 1);
  }

  observe(): Observation {
    return {
      segments: [
        {
          id: this.#segmentId,
          keyCount: 1_000_000,
          kind: this.#live.kind === 'auto' ? 'line-probe' : this.#live.kind,
          errorBound: this.#live.errorBound ?? 0,
          indexBytes: 100_000,
          hardness: this.hardness,
          linesPerLookupAtBuild: 1,
          sampledLookups: this.#segmentSamples,
          sampledLines: this.#segmentLines,
        },
      ],
      mergeCount: this.merges.length,
      lookups: this.#lookups,
      sampledLookups: this.#samples,
      sampledNs: this.#ns,
      sampledNsSquared: this.#nsSquared,
      sampledDeltaNs: this.#deltaTotalNs,
    };
  }

  policy(): IndexPolicy {
    return this.#policy;
  }

  async forecast(action: Action): Promise<Forecast> {
    const next = action.type === 'merge' ? this.#live : action.policy;
    const nsPerLookup =
      this.lies[next.kind] ?? this.#nsOf(next) + (action.type === 'merge' ? 0 : this.deltaNs);
    const nsPerLookupNow = this.#nsOf(this.#live) + this.deltaNs;
    const [linesPerLookup, linesPerLookupNow] = [1, 1];
    return {
      nsPerLookup,
      nsPerLookupNow,
      linesPerLookup,
      linesPerLookupNow,
      bytesPerKey: 0.1,
      bytesPerKeyNow: 0.1,
      trainNs: 5_000_000,
    };
  }

  setPolicy(policy: IndexPolicy): void {
    this.#policy = policy;
  }

  async merge(): Promise<void> {
    if (this.mergeFailure !== undefined) throw this.mergeFailure;
    this.#live = this.#policy;
    this.merges.push(this.#policy);
    this.deltaNs = 0;
    this.#segmentId += 1;
    this.#segmentSamples = 0;
    this.#segmentLines = 0;
  }

  #nsOf(policy: IndexPolicy): number {
    const kind = policy.kind === 'auto' ? 'line-probe' : policy.kind;
    return this.#truth[this.workload]?.[kind] ?? 1_000;
  }
}
