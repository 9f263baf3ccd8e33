/** How long single point reads took: the share of calls per bucket, times on a logarithmic axis. */
import type { Spec } from 'vega';
import { bucketStartNs } from '../../embedded/latency.js';
import type { Latencies } from '../../embedded/summary.js';
import { frame } from '../draw.js';

export function latencyChart(
  series: readonly { readonly name: string; readonly colour: string; readonly latencies: Latencies }[],
): Spec {
  const rows = series.flatMap(({ name, latencies: { buckets, count } }) =>
    buckets.map((calls, at) => ({
      name,
      start: bucketStartNs(at),
      end: bucketStartNs(at + 1),
      share: calls / count,
    })),
  );
  const used = rows.filter(({ share }) => share > 0);
  return {
    ...frame,
    width: 560,
    height: 300,
    data: [{ name: 'buckets', values: used }],
    scales: [
      {
        name: 'x',
        type: 'log',
        domain: [Math.min(...used.map(({ start }) => start)), Math.max(...used.map(({ end }) => end))],
        range: 'width',
      },
      { name: 'y', type: 'linear', domain: { data: 'buckets', field: 'share' }, range: 'height', nice: true },
      {
        name: 'who',
        type: 'ordinal',
        domain: series.map(({ name }) => name),
        range: series.map(({ colour }) => colour),
      },
    ],
    legends: [{ fill: 'who', symbolType: 'square' }],
    axes: [
      {
        orient: 'bottom',
        scale: 'x',
        title: 'time of one call',
        values: [100, 1e3, 1e4, 1e5, 1e6, 1e7],
        encode: {
          labels: {
            update: {
              text: {
                signal:
                  "datum.value >= 1e6 ? datum.value / 1e6 + ' ms' : datum.value >= 1e3 ? datum.value / 1e3 + ' µs' : datum.value + ' ns'",
              },
            },
          },
        },
      },
      { orient: 'left', scale: 'y', title: 'share of calls', grid: true, format: '%', tickCount: 5 },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'buckets' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'start' },
            x2: { scale: 'x', field: 'end', offset: -1 },
            y: { scale: 'y', field: 'share' },
            y2: { scale: 'y', value: 0 },
            fill: { scale: 'who', field: 'name' },
            fillOpacity: { value: 0.75 },
          },
        },
      },
    ],
  };
}
