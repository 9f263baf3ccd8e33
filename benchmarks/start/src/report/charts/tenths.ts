/** The delay model's calibration: per tenth of the departures, what it said and what came. */
import type { Spec } from 'vega';
import type { ModelFigure } from '../../embedded/summary.js';
import { colour, frame } from '../draw.js';

export function tenthsChart(tenths: ModelFigure['tenths']): Spec {
  const rows = tenths.map(({ predicted, actual }, at) => ({ tenth: at + 1, predicted, actual }));
  return {
    ...frame,
    width: 560,
    height: 300,
    data: [{ name: 'tenths', values: rows }],
    scales: [
      { name: 'x', type: 'band', domain: { data: 'tenths', field: 'tenth' }, range: 'width', padding: 0.3 },
      {
        name: 'y',
        type: 'linear',
        domain: { data: 'tenths', fields: ['predicted', 'actual'] },
        range: 'height',
        nice: true,
        zero: true,
      },
      {
        name: 'who',
        type: 'ordinal',
        domain: ['came', 'the model said'],
        range: [colour.rival, colour.model],
      },
    ],
    legends: [{ fill: 'who', symbolType: 'circle' }],
    axes: [
      {
        orient: 'bottom',
        scale: 'x',
        title: 'tenth of the departures, least risky first',
        domain: false,
        ticks: false,
      },
      { orient: 'left', scale: 'y', title: 'mean delay, minutes', grid: true, tickCount: 6 },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'tenths' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'tenth' },
            width: { scale: 'x', band: 1 },
            y: { scale: 'y', field: 'actual' },
            y2: { scale: 'y', value: 0 },
            fill: { value: colour.rival },
            fillOpacity: { value: 0.7 },
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'tenths' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'tenth', band: 0.5 },
            y: { scale: 'y', field: 'predicted' },
            fill: { value: colour.model },
            size: { value: 70 },
          },
        },
      },
    ],
  };
}
