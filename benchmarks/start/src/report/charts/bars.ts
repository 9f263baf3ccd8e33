/** Horizontal bars with their values written beside them. */
import type { Spec } from 'vega';
import { colour, frame } from '../draw.js';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The value as people read it. */
  readonly text: string;
  readonly colour: string;
}

const barHeight = 30;

/** @param isLogarithmic for values that differ by powers of ten; bars then start at `from` */
export function barChart(
  bars: readonly Bar[],
  {
    width = 560,
    isLogarithmic = false,
    from = 1,
  }: { width?: number; isLogarithmic?: boolean; from?: number } = {},
): Spec {
  return {
    ...frame,
    width,
    height: bars.length * barHeight + 8,
    data: [{ name: 'bars', values: bars.map((bar) => ({ ...bar })) }],
    scales: [
      { name: 'y', type: 'band', domain: { data: 'bars', field: 'label' }, range: 'height', padding: 0.28 },
      {
        name: 'x',
        type: isLogarithmic ? 'log' : 'linear',
        domain: { data: 'bars', field: 'value' },
        domainMin: isLogarithmic ? from : 0,
        range: [0, { signal: 'width - 74' }],
      },
    ],
    axes: [
      {
        orient: 'left',
        scale: 'y',
        domain: false,
        ticks: false,
        labelPadding: 8,
        labelColor: colour.text,
        labelFontSize: 12,
        labelLimit: 0,
      },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'bars' },
        encode: {
          enter: {
            y: { scale: 'y', field: 'label' },
            height: { scale: 'y', band: 1 },
            x: { value: 0 },
            x2: { scale: 'x', field: 'value' },
            fill: { field: 'colour' },
            cornerRadius: { value: 3 },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'bars' },
        encode: {
          enter: {
            y: { scale: 'y', field: 'label', band: 0.5 },
            x: { scale: 'x', field: 'value', offset: 6 },
            baseline: { value: 'middle' },
            text: { field: 'text' },
            fill: { value: colour.text },
            font: { value: 'system-ui, sans-serif' },
            fontSize: { value: 12 },
          },
        },
      },
    ],
  };
}
