/** The summary as text for a terminal. */
import { showMinute } from '../flights/flight-key.js';
import { count, digits, size, table, time } from '../terminal/text.js';
import type { Outcome } from './run.js';
import type { Summary } from './summary.js';
import { howManyPredict, largestSegment, modelVerdict, ratio, whyChosen } from './words.js';

export function printOutcome({ summary, folder, again }: Outcome): string {
  const sections = [
    head(summary),
    choices(summary),
    candidates(summary),
    reads(summary),
    answers(summary),
    model(summary),
    decisions(summary),
  ];
  if (again !== undefined)
    sections.unshift(
      `The database of an earlier run is there: opened in ${digits(again.openSeconds * 1000)} ms, ` +
        `${count(again.checked)} answers checked, ${time(again.pointNs)} per point read just now.\n` +
        `What follows was measured ${summary.madeAt.slice(0, 16).replace('T', ' ')} UTC. Delete ${folder} to start over.`,
    );
  return `\n${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function head({ rows, firstMinute, lastMinute, bytes, seconds, machine }: Summary): string {
  return (
    `${count(rows)} departures, ${showMinute(firstMinute)} to ${showMinute(lastMinute)}, in ${digits(seconds.total)} s on ${machine.cores} cores\n` +
    `  on disk ${size(bytes.varve)}; LevelDB ${size(bytes.level)}`
  );
}

function choices({ segments }: Summary): string {
  const rows = segments.map((segment) => [
    `${showMinute(segment.firstMinute).slice(0, 10)} to ${showMinute(segment.lastMinute).slice(0, 10)}`,
    count(segment.entryCount),
    count(segment.blockCount),
    segment.indexKind,
    segment.indexErrorBound === 0 ? 'exact' : `± ${segment.indexErrorBound}`,
    size(segment.indexBytes),
    digits((segment.indexBytes * 8) / segment.entryCount),
  ]);
  const titles = ['segment', 'records', 'blocks', 'index', 'error bound', 'index size', 'bits per key'];
  return `What the engine chose\n${table([titles, ...rows])}\n  ${howManyPredict(segments)}`;
}

function candidates(summary: Summary): string {
  const segment = largestSegment(summary);
  if (segment === undefined) return '';
  const rows = segment.candidates
    .toSorted((a, b) => a.nsPerLookup - b.nsPerLookup)
    .map(({ kind, errorBound, indexBytes, nsPerLookup, linesPerLookup, isLive }) => [
      `${kind}${isLive ? ' (live)' : ''}`,
      time(nsPerLookup),
      errorBound === 0 ? 'exact' : `± ${errorBound}`,
      size(indexBytes),
      digits(linesPerLookup),
    ]);
  const titles = ['index of the largest segment', 'per lookup', 'error bound', 'size', 'lines compared'];
  return `And why: every kind on the same questions\n${table([titles, ...rows])}\n  ${whyChosen(segment)}`;
}

function reads({ reads: figures, comparedAnswers, latencies }: Summary): string {
  const rows = figures.map(({ what, varveNs, levelNs }) => [
    what,
    time(varveNs),
    time(levelNs),
    ratio(varveNs, levelNs),
  ]);
  const p99 = (name: 'varve' | 'level') => `${time(latencies[name].p99Ns)} / ${time(latencies[name].p999Ns)}`;
  rows.push(['point read, p99 / p99.9 of single calls', p99('varve'), p99('level'), '']);
  return `Reads from JavaScript (${count(comparedAnswers)} answers compared first)\n${table([['', 'Varve', 'LevelDB', ''], ...rows])}`;
}

function answers({ answers: { point, range, batch } }: Summary): string {
  return (
    'Answers\n' +
    `  ${point.flight}, ${count(point.distance)} miles: ${lateness(point.delay)}\n` +
    `  ${range.from} to ${range.to.slice(11)}: ${count(range.departures)} departures, ${lateness(range.meanDelay)} on average\n` +
    `  ${count(batch.asked)} departures in one call: ${count(batch.found)} found, ${lateness(batch.meanDelay)} on average`
  );
}

function lateness(minutes: number): string {
  return `${digits(Math.abs(minutes))} minutes ${minutes < 0 ? 'early' : 'late'}`;
}

function model(summary: Summary): string {
  if (summary.model === undefined) return '';
  const { trees, fileBytes, rowsPerSecond, nsPerCall } = summary.model;
  return (
    `Delay model: ${trees} trees, ${size(fileBytes)}; ${count(rowsPerSecond)} rows/s in batches, ${time(nsPerCall)} per single call\n` +
    `  ${modelVerdict(summary.model)}`
  );
}

function decisions({ journal }: Summary): string {
  if (journal === undefined) return '';
  if (journal.length === 0) return 'The self-tuning loop made no decision: nothing drifted.';
  return `Decisions of the self-tuning loop\n${journal.map(({ stage, reason }) => `  ${stage}: ${reason}`).join('\n')}`;
}
