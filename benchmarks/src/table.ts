/** Results for a person: one line per row, losses printed like wins. */
import type { Goal } from './goals.js';
import type { Case, GoalOutcome, Target } from './result.js';

/** A text table of cases with the ratio of Varve to its best rival (above 1 is better than it). */
export function formatCases(cases: readonly Case[]): string {
  const engines = [...new Set(cases.flatMap(({ values }) => Object.keys(values)))].filter(
    (name) => name !== 'varve',
  );
  const others = [...engines.filter(isOwn), ...engines.filter((name) => !isOwn(name))];
  const head = ['case', 'metric', 'unit', 'varve', ...others, 'varve / best rival'];
  const rows = cases.map((row) => {
    const cell = (name: string): string => {
      const value = row.values[name];
      return value === undefined
        ? ''
        : `${short(value.median)}${value.n > 1 ? ` ±${short(value.iqr / 2)}` : ''}`;
    };
    const ratio = ratioToBestRival(row);
    return [
      row.case,
      row.metric,
      row.unit,
      cell('varve'),
      ...others.map(cell),
      ratio === undefined ? '' : `${short(ratio)}x${ratio < 1 ? ' (loss)' : ''}`,
    ];
  });
  return align([head, ...rows]);
}

/** True for Varve and its variants, which are no rivals of each other. */
export const isOwn = (name: string): boolean => name === 'varve' || name.startsWith('varve, ');

/** How many times better than the best rival; below 1 is a loss; undefined without a rival, or beside a figure of 0. */
export function ratioToBestRival({ values, better, remark }: Case): number | undefined {
  const own = values['varve']?.median;
  const others = Object.entries(values)
    .filter(([name]) => !isOwn(name))
    .map(([, { median }]) => median);
  if (own === undefined || others.length === 0 || remark === true) return undefined;
  const ratio = better === 'higher' ? own / Math.max(...others) : Math.min(...others) / own;
  return Number.isFinite(ratio) ? ratio : undefined;
}

/** The scoreboard: each goal, its measured figure, and whether it is met. */
export function formatGoals(rows: readonly (readonly [Goal, GoalOutcome | undefined])[]): string {
  const lines = rows.map(([goal, outcome]) => [
    goal.suite,
    goal.text,
    formatTarget(goal.target),
    outcome?.value === undefined ? 'not measured' : short(outcome.value),
    outcome?.met === true ? 'met' : 'SHORT',
  ]);
  const met = rows.filter(([, outcome]) => outcome?.met === true).length;
  return `${align([['suite', 'goal', 'target', 'measured', ''], ...lines])}\n\n${met} of ${rows.length} goals met`;
}

/** `>= 3` or `<= 45`. */
export function formatTarget(target: Target): string {
  return 'atLeast' in target ? `>= ${short(target.atLeast)}` : `<= ${short(target.atMost)}`;
}

/** Three significant digits with a thousands mark or suffix. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toPrecision(3)} G`;
  if (size >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (size >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return size === 0 ? '0' : String(Number(value.toPrecision(3)));
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
