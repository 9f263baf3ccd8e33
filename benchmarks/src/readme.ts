/**
 * Writes the result tables between the README's markers, and the picture, from the committed results.
 *
 * A table shows each goal with its measured figure and then every row of the run; losses are printed like wins.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drawChart } from './chart.js';
import { type Goal, scoreboard } from './goals.js';
import type { Case, Run, Value } from './result.js';
import { resultsFolder } from './results.js';
import { isOwn, ratioToBestRival, short } from './table.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = `${root}README.md`;

/** @returns the files written */
export function writeReadme(runs: readonly Run[], goals: readonly Goal[]): readonly string[] {
  const real = runs.filter(({ size }) => size === 'real');
  writeFileSync(readme, withTables(readFileSync(readme, 'utf8'), real, goals));
  const kv = real.find(({ suite }) => suite === 'kv');
  if (kv === undefined) return [readme];
  mkdirSync(resultsFolder, { recursive: true });
  const picture = `${resultsFolder}kv-real.svg`;
  writeFileSync(picture, drawChart(kv));
  return [readme, picture];
}

/** The README's text with the tables of these runs, formatted as the repository is. */
export function withTables(text: string, runs: readonly Run[], goals: readonly Goal[]): string {
  let next = replaceBetween(text, 'goals', goalTable(goals, runs));
  for (const run of runs) next = replaceBetween(next, run.suite, resultTable(run));
  const biome = ['--no-install', 'biome', 'format', '--stdin-file-path=README.md'];
  return execFileSync('npx', biome, { cwd: root, input: next, encoding: 'utf8' });
}

/**
 * Replaces what stands between `<!-- results:NAME -->` and `<!-- /results:NAME -->`.
 *
 * @returns `text` unchanged when it has no such markers
 */
export function replaceBetween(text: string, name: string, content: string): string {
  const start = `<!-- results:${name} -->`;
  const end = `<!-- /results:${name} -->`;
  const from = text.indexOf(start);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) return text;
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`;
}

function goalTable(goals: readonly Goal[], runs: readonly Run[]): string {
  const rows = scoreboard(goals, runs).map(([goal, outcome]) => [
    goal.text,
    outcome?.value === undefined ? 'not measured' : short(outcome.value),
    outcome?.met === true ? 'met' : '**short**',
  ]);
  return markdownTable(['Goal', 'Measured', ''], rows);
}

function resultTable(run: Run): string {
  const engines = [...new Set(run.cases.flatMap(({ values }) => Object.keys(values)))];
  const head = ['Case', 'Metric', ...engines, 'against the best rival'];
  const rows = run.cases.map((row) => [
    row.case,
    `${row.metric}, ${row.unit}`,
    ...engines.map((name) => cell(row, name)),
    verdict(row),
  ]);
  const from = `\`npm run bench -- ${run.suite}\`, commit ${run.commit}, ${run.machine}; median ± half the quartile distance.`;
  const incomplete = run.incomplete === undefined ? [] : [`**Incomplete**: ${run.incomplete}`];
  const notes = [...incomplete, ...(run.notes ?? [])].map((note) => `\n${note}.`).join('');
  return `${from}${notes}\n\n${markdownTable(head, rows)}`;
}

function cell(row: Case, name: string): string {
  const value: Value | undefined = row.values[name];
  if (value === undefined) return '';
  return value.n > 1 ? `${short(value.median)} ± ${short(value.iqr / 2)}` : short(value.median);
}

function verdict(row: Case): string {
  const ratio = ratioToBestRival(row);
  if (ratio === undefined) return Object.keys(row.values).every(isOwn) ? '' : '–';
  return ratio < 1 ? `${short(ratio)}× (loss)` : `**${short(ratio)}×**`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
