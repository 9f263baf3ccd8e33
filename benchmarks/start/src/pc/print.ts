/** What a run found out, for the terminal. */
import { relative } from 'node:path';
import { count, digits, size, table } from '../terminal/text.js';
import type { PcSummary, Times } from './run.js';

/** @param from the folder that the reader stands in */
export function printPc(summary: PcSummary, from: string): string {
  return [head(summary), answers(summary), update(summary), crash(summary), tail(summary, from)].join('\n\n');
}

function head({ loaded, bytes, machine }: PcSummary): string {
  const rival = bytes.duckdb === undefined ? '' : `, DuckDB ${size(bytes.duckdb)}`;
  return (
    `${count(loaded.rows)} departures of 2001 on ${machine}\n` +
    `  appended at ${count(loaded.rows / loaded.appendSeconds)} rows/s, every commit on disk; ` +
    `Varve ${size(bytes.varve)}${rival}, the Parquet file ${size(bytes.parquet)}`
  );
}

function answers({ answers: all }: PcSummary): string {
  const hasRival = all.some(({ duckdbMs }) => duckdbMs !== undefined);
  const titles = ['', 'Varve', ...(hasRival ? ['DuckDB', ''] : [])];
  const rows = all.map(({ title, answer, ...times }) => [`${title}: ${answer}`, ...timesText(times)]);
  return `Ten questions${hasRival ? ', which DuckDB answers alike' : ''}\n${table([titles, ...rows])}`;
}

function update({ update: { rows, ...times } }: PcSummary): string {
  const [varve, duckdb] = timesText(times);
  return `${count(rows)} rows changed in ${varve}${duckdb === undefined ? '' : `, by DuckDB in ${duckdb}`}`;
}

function crash({ crash: { acknowledged, found, rowsPerCommit, recoveryMs } }: PcSummary): string {
  const last = found > acknowledged ? ' (one was on disk before its promise resolved)' : '';
  return (
    `A process that commits ${count(rowsPerCommit)} changed rows at a time killed itself in the middle of one\n` +
    `  ${acknowledged} commits acknowledged, ${found} found${last}, none by half; ` +
    `open and answering again after ${milliseconds(recoveryMs)}`
  );
}

function tail({ database, seconds }: PcSummary, from: string): string {
  return `Done in ${digits(seconds)} s. The database stays: npx varve sql ${relative(from, database)}`;
}

function timesText({ varveMs, duckdbMs }: Times): string[] {
  if (duckdbMs === undefined) return [milliseconds(varveMs)];
  const ratio =
    varveMs <= duckdbMs ? `${digits(duckdbMs / varveMs)}x faster` : `${digits(varveMs / duckdbMs)}x slower`;
  return [milliseconds(varveMs), milliseconds(duckdbMs), ratio];
}

function milliseconds(value: number): string {
  return `${digits(value)} ms`;
}
