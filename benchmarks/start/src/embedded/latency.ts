/** Times single calls into a histogram of logarithmic buckets. */
import type { Latencies } from './summary.js';

const bucketsPerDecade = 10;
const firstNs = 30;
const bucketCount = 60;

/** Where bucket `at` begins, ns. */
export function bucketStartNs(at: number): number {
  return firstNs * 10 ** (at / bucketsPerDecade);
}

/** Calls `call(0)` to `call(count - 1)` and times each. The clock's own cost is in the times: see `clockNs`. */
export function timeEach(count: number, call: (at: number) => void): Latencies {
  const times = new Float64Array(count);
  for (let at = 0; at < count; at++) {
    const start = performance.now();
    call(at);
    times[at] = (performance.now() - start) * 1e6;
  }
  times.sort();
  const buckets = Array.from({ length: bucketCount }, () => 0);
  for (const ns of times) {
    const bucket = Math.floor(Math.log10(Math.max(ns, firstNs) / firstNs) * bucketsPerDecade);
    buckets[Math.min(bucket, bucketCount - 1)] = (buckets[Math.min(bucket, bucketCount - 1)] ?? 0) + 1;
  }
  const quantile = (share: number) => times[Math.min(count - 1, Math.floor(count * share))] ?? 0;
  return { count, p50Ns: quantile(0.5), p99Ns: quantile(0.99), p999Ns: quantile(0.999), buckets };
}

/** What an empty call takes under `timeEach`, ns. */
export function clockCostNs(): number {
  return timeEach(20_000, () => {}).p50Ns;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
