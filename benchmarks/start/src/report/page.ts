/** The report: one self-contained HTML page that asks nothing of the network, in light and dark. */

import type { Summary } from '../embedded/summary.js';
import {
  howManyPredict,
  largestSegment,
  modelVerdict,
  ratio,
  whyChosen,
  wordsOf,
} from '../embedded/words.js';
import { showMinute } from '../flights/flight-key.js';
import { count, digits, size, time } from '../terminal/text.js';
import { barChart } from './charts/bars.js';
import { closeUpChart, curveChart, errorChart } from './charts/curve.js';
import { latencyChart } from './charts/latency.js';
import { tenthsChart } from './charts/tenths.js';
import { colour, drawSvg, escapeText } from './draw.js';
import { style } from './style.js';

export async function renderReport(summary: Summary): Promise<string> {
  const sections = [
    await curveSection(summary),
    await indexSection(summary),
    await readSection(summary),
    await bytesSection(summary),
    await modelSection(summary),
    journalSection(summary),
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Varve embedded: ${count(summary.rows)} flights</title>
<style>${style}</style>
<main>
${header(summary)}
${sections.filter((section) => section !== '').join('\n')}
${footer(summary)}
</main>
</html>
`;
}

function header({ rows, firstMinute, lastMinute, seconds, reads, bytes }: Summary): string {
  const point = reads[0];
  const tiles: [string, string][] = [
    [count(rows), 'departures stored, each commit synced'],
    [point === undefined ? '' : time(point.varveNs), 'per point read from JavaScript'],
    [point === undefined ? '' : ratio(point.varveNs, point.levelNs), 'than LevelDB on the same keys'],
    [size(bytes.varve), 'on disk'],
    [`${digits(seconds.total)} s`, 'for the whole run'],
  ];
  return `<header>
<p class="layers" aria-hidden="true"></p>
<h1>Varve embedded</h1>
<p class="lead">US flights from ${showMinute(firstMinute).slice(0, 10)} to ${showMinute(lastMinute).slice(0, 10)}, kept in
a key-value store that learns where its keys are.</p>
<dl class="tiles">${tiles.map(([value, label]) => `<div><dt>${value}</dt><dd>${label}</dd></div>`).join('')}</dl>
</header>`;
}

async function curveSection({ curve, learned, segments }: Summary): Promise<string> {
  const whole = figure(
    await drawSvg(curveChart(curve), 'departures before each moment'),
    'The curve that an index has to know: departures before each moment.',
  );
  if (learned === undefined) return section('From key to position', `<div class="pair">${whole}</div>`);
  const { expectations, errorBound, kind, isLive, entryCount, separatorCount } = learned;
  const worst = Math.max(...expectations.map(({ position, predicted }) => Math.abs(predicted - position)));
  const middle = Math.floor(expectations.length / 2);
  const near = expectations.slice(middle, middle + 160);
  const closeUp = figure(
    await drawSvg(closeUpChart(near), 'true and expected blocks over some days'),
    'Some days from near. At night nobody leaves and the curve is flat; the model is a few straight lines.',
  );
  const errors = figure(
    await drawSvg(errorChart(expectations, errorBound), 'error of the model over all keys'),
    `How far the model is off, over the whole segment; at most ${worst} blocks at these ${count(expectations.length)} separators, and the lookup then compares its way to the true one. The band is ± ${errorBound}, the bound that the lines were fitted within.`,
  );
  const whose = isLive
    ? `The ${kind} that serves it says which one.`
    : `What is drawn is a trial: a ${kind} built beside the index that serves it, which does not predict.`;
  return section(
    'From key to position',
    `<p>A learned index is a function: from a key to where it lies. ${count(entryCount)} keys lie in ${count(separatorCount)} blocks in
the largest segment. ${whose} ${howManyPredict(segments)}.</p>
<div class="pair">${whole}${closeUp}</div>${errors}`,
  );
}

async function indexSection(summary: Summary): Promise<string> {
  const segment = largestSegment(summary);
  if (segment === undefined) return '';
  const candidates = segment.candidates.toSorted((a, b) => a.nsPerLookup - b.nsPerLookup);
  const label = (kind: string, isLive: boolean) => (isLive ? `${kind} (live)` : kind);
  const shade = (isLive: boolean) => (isLive ? colour.varve : colour.rival);
  const times = candidates.map(({ kind, isLive, nsPerLookup }) => ({
    label: label(kind, isLive),
    value: nsPerLookup,
    text: time(nsPerLookup),
    colour: shade(isLive),
  }));
  const sizes = candidates.map(({ kind, isLive, indexBytes }) => ({
    label: label(kind, isLive),
    value: indexBytes,
    text: size(indexBytes),
    colour: shade(isLive),
  }));
  const rows = summary.segments.map(
    ({
      firstMinute,
      lastMinute,
      entryCount,
      blockCount,
      indexKind,
      indexErrorBound,
      indexBytes,
      filterBytes,
    }) => [
      `${showMinute(firstMinute).slice(0, 10)} to ${showMinute(lastMinute).slice(0, 10)}`,
      count(entryCount),
      count(blockCount),
      `${indexKind}, ${wordsOf(indexKind)}`,
      indexErrorBound === 0 ? 'exact' : `± ${indexErrorBound}`,
      size(indexBytes),
      size(filterBytes),
    ],
  );
  return section(
    'What the engine chose, and why',
    `<div class="pair">${figure(await drawSvg(barChart(times), 'time per lookup of each index'), 'Time to find the block of a key, largest segment, same questions to all.')}
${figure(await drawSvg(barChart(sizes), 'bytes of each index'), 'Size of each index, separators included.')}</div>
<p>${howManyPredict(summary.segments)}. ${escapeText(whyChosen(segment))}.</p>
${htmlTable(['segment', 'records', 'blocks', 'index', 'error bound', 'index size', 'filter size'], rows)}`,
  );
}

async function readSection({ reads, latencies, comparedAnswers }: Summary): Promise<string> {
  const bars = reads.flatMap(({ what, varveNs, levelNs }) => [
    { label: `Varve, ${what}`, value: varveNs, text: time(varveNs), colour: colour.varve },
    { label: `LevelDB, ${what}`, value: levelNs, text: time(levelNs), colour: colour.rival },
  ]);
  const histogram = latencyChart([
    { name: 'Varve getInto', colour: colour.varve, latencies: latencies.varve },
    { name: 'LevelDB getSync', colour: colour.rival, latencies: latencies.level },
  ]);
  const rows = reads.map(({ what, calls, varveNs, levelNs }) => [
    what,
    `${time(varveNs)} (${calls[0]})`,
    `${time(levelNs)} (${calls[1]})`,
    ratio(varveNs, levelNs),
  ]);
  const tail = (name: 'varve' | 'level') =>
    `${time(latencies[name].p50Ns)} / ${time(latencies[name].p99Ns)} / ${time(latencies[name].p999Ns)}`;
  rows.push(['single point reads, p50 / p99 / p99.9', tail('varve'), tail('level'), '']);
  return section(
    'Reads from JavaScript',
    `<div class="pair">${figure(await drawSvg(barChart(bars, { isLogarithmic: true, from: 10 }), 'time per key of four kinds of read'), 'Time per key or entry, logarithmic.')}
${figure(await drawSvg(histogram, 'histogram of single point reads'), `Single point reads. Reading the clock takes ${time(latencies.clockNs)} of each.`)}</div>
<p>${count(comparedAnswers)} answers of both stores were compared before anything was timed; rounds are interleaved, medians shown.</p>
${htmlTable(['', 'Varve', 'LevelDB (classic-level)', ''], rows)}`,
  );
}

async function bytesSection({ bytes, segments, rows }: Summary): Promise<string> {
  const sum = (of: (segment: Summary['segments'][number]) => number) =>
    segments.reduce((total, segment) => total + of(segment), 0);
  const [files, filters, indexes] = [
    sum((s) => s.fileBytes),
    sum((s) => s.filterBytes),
    sum((s) => s.indexBytes),
  ];
  const bars = [
    { label: 'Varve: folder', value: bytes.varve, text: size(bytes.varve), colour: colour.varve },
    { label: 'segments', value: files, text: size(files), colour: colour.varve },
    { label: 'of them filters', value: filters, text: size(filters), colour: colour.varve },
    { label: 'of them indexes', value: indexes, text: size(indexes), colour: colour.varve },
    { label: 'LevelDB: folder', value: bytes.level, text: size(bytes.level), colour: colour.rival },
    { label: 'Parquet, the source', value: bytes.parquet, text: size(bytes.parquet), colour: colour.rival },
  ];
  return section(
    'Bytes',
    `<div class="pair">${figure(await drawSvg(barChart(bars), 'bytes on disk'), `On disk. A record is 12 bytes of key and value; ${digits(bytes.varve / rows)} are stored per record.`)}</div>`,
  );
}

async function modelSection({ model }: Summary): Promise<string> {
  if (model === undefined) return '';
  const rmse = [
    {
      label: 'this model',
      value: model.rmse.model,
      text: `${digits(model.rmse.model)} min`,
      colour: colour.model,
    },
    {
      label: 'mean of the hour',
      value: model.rmse.meanOfHour,
      text: `${digits(model.rmse.meanOfHour)} min`,
      colour: colour.rival,
    },
    {
      label: 'mean of all',
      value: model.rmse.mean,
      text: `${digits(model.rmse.mean)} min`,
      colour: colour.rival,
    },
  ];
  return section(
    'Scoring delays',
    `<p>${modelVerdict(model)} Its inputs come from one scan of the store: how late were those who landed here lately?
${count(model.rowsPerSecond)} rows per second in batches, ${time(model.nsPerCall)} per single call; ${model.trees} trees in ${size(model.fileBytes)}.</p>
<div class="pair">${figure(await drawSvg(tenthsChart(model.tenths), 'calibration of the delay model'), 'Departures by risk. Bars came, dots were said. Most of a delay stays luck.')}
${figure(await drawSvg(barChart(rmse), 'error beside two baselines'), 'Root mean squared error. Less is better.')}</div>`,
  );
}

function journalSection({ journal }: Summary): string {
  if (journal === undefined) return '';
  if (journal.length === 0)
    return section('Decisions', '<p>The self-tuning loop made no decision: nothing drifted.</p>');
  const rows = journal.map(({ stage, reason, predictedGain, measuredGain }) => [
    stage,
    reason,
    predictedGain === undefined ? '' : digits(predictedGain),
    measuredGain === undefined ? '' : digits(measuredGain),
  ]);
  return section('Decisions', htmlTable(['stage', 'why', 'predicted gain', 'measured gain'], rows));
}

function footer({ machine, madeAt, seconds }: Summary): string {
  return `<footer>${escapeText(machine.cpu)}, ${machine.cores} cores, ${size(machine.memoryBytes)}, Node ${escapeText(machine.node)}; ${madeAt.slice(0, 16).replace('T', ' ')} UTC.
Reading ${digits(seconds.read)} s, storing ${digits(seconds.store)} s, folding ${digits(seconds.fold)} s, LevelDB ${digits(seconds.levelStore)} s.
Data: flights of vega-datasets, US Bureau of Transportation Statistics.</footer>`;
}

function section(title: string, body: string): string {
  return `<section><h2>${title}</h2>\n${body}</section>`;
}

function figure(svg: string, caption: string): string {
  return `<figure>${svg}<figcaption>${caption}</figcaption></figure>`;
}

function htmlTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (tag: string, cells: readonly string[]) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table><thead>${line('th', titles)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table></div>`;
}
