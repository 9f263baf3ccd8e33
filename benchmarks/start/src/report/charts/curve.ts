/** Key → position: how many departures lie before each moment, and what the model expects. */
import type { Spec } from 'vega';
import type { CurvePoint, Expectation } from '../../embedded/summary.js';
import { colour, frame } from '../draw.js';

const millis = 60_000;

/** The curve over all data, shape [points]. */
export function curveChart(points: readonly CurvePoint[]): Spec {
  return {
    ...frame,
    width: 560,
    height: 300,
    data: [
      { name: 'curve', values: points.map(({ minute, position }) => ({ time: minute * millis, position })) },
    ],
    scales: [
      { name: 'x', type: 'utc', domain: { data: 'curve', field: 'time' }, range: 'width' },
      {
        name: 'y',
        type: 'linear',
        domain: { data: 'curve', field: 'position' },
        range: 'height',
        nice: true,
      },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', title: 'key: departure time', tickCount: 6 },
      {
        orient: 'left',
        scale: 'y',
        title: 'position: departures before',
        grid: true,
        format: '~s',
        tickCount: 5,
      },
    ],
    marks: [
      {
        type: 'line',
        from: { data: 'curve' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'time' },
            y: { scale: 'y', field: 'position' },
            stroke: { value: colour.varve },
            strokeWidth: { value: 2 },
          },
        },
      },
    ],
  };
}

/** Some days from near: the true staircase as a line, what the model expects as dots. */
export function closeUpChart(points: readonly Expectation[]): Spec {
  return {
    ...frame,
    width: 560,
    height: 300,
    data: [
      { name: 'points', values: points.map(({ minute, ...rest }) => ({ time: minute * millis, ...rest })) },
    ],
    scales: [
      { name: 'x', type: 'utc', domain: { data: 'points', field: 'time' }, range: 'width' },
      {
        name: 'y',
        type: 'linear',
        domain: { data: 'points', fields: ['position', 'predicted'] },
        range: 'height',
        zero: false,
        nice: true,
      },
      {
        name: 'who',
        type: 'ordinal',
        domain: ['true block', 'block that the model expects'],
        range: [colour.varve, colour.model],
      },
    ],
    legends: [{ fill: 'who', symbolType: 'circle' }],
    axes: [
      { orient: 'bottom', scale: 'x', title: 'key: departure time', tickCount: 5 },
      { orient: 'left', scale: 'y', title: 'position: blocks before', grid: true, tickCount: 5 },
    ],
    marks: [
      {
        type: 'line',
        from: { data: 'points' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'time' },
            y: { scale: 'y', field: 'position' },
            stroke: { value: colour.varve },
            strokeWidth: { value: 2 },
            interpolate: { value: 'step-after' },
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'points' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'time' },
            y: { scale: 'y', field: 'predicted' },
            fill: { value: colour.model },
            size: { value: 14 },
          },
        },
      },
    ],
  };
}

/** How far the model is off, in blocks, over all keys; the band is what its build proved. */
export function errorChart(points: readonly Expectation[], bound: number): Spec {
  const rows = points.map(({ minute, position, predicted }) => ({
    time: minute * millis,
    error: predicted - position,
  }));
  return {
    ...frame,
    width: 1160,
    height: 220,
    data: [
      { name: 'errors', values: rows },
      { name: 'band', values: [{ low: -bound, high: bound }] },
    ],
    scales: [
      { name: 'x', type: 'utc', domain: { data: 'errors', field: 'time' }, range: 'width' },
      {
        name: 'y',
        type: 'linear',
        domain: {
          fields: [
            { data: 'errors', field: 'error' },
            { data: 'band', field: 'low' },
            { data: 'band', field: 'high' },
          ],
        },
        range: 'height',
        nice: true,
      },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', tickCount: 6 },
      { orient: 'left', scale: 'y', title: 'expected − true, blocks', grid: true, tickCount: 5 },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'band' },
        encode: {
          enter: {
            x: { value: 0 },
            x2: { signal: 'width' },
            y: { scale: 'y', field: 'high' },
            y2: { scale: 'y', field: 'low' },
            fill: { value: colour.soft },
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'errors' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'time' },
            y: { scale: 'y', field: 'error' },
            fill: { value: colour.model },
            fillOpacity: { value: 0.6 },
            size: { value: 9 },
          },
        },
      },
    ],
  };
}
