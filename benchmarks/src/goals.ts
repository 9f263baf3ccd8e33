/** The numeric goals, as data, and what a run makes of them. */
import { readFileSync } from 'node:fs';
import type { Case, GoalOutcome, Run, Target } from './result.js';

/** Which figure of a run a goal speaks of. */
export interface GoalMetric {
  readonly case: string;
  readonly metric: string;
  /** When present: Varve's figure divided by this engine's. */
  readonly over?: string;
}

export interface Goal {
  readonly suite: string;
  readonly id: string;
  /** The goal in words. */
  readonly text: string;
  readonly metric: GoalMetric;
  readonly target: Target;
}

/** Every goal of the project, from goals.json. */
export function readGoals(): readonly Goal[] {
  return JSON.parse(readFileSync(new URL('../goals.json', import.meta.url), 'utf8')) as readonly Goal[];
}

/** The outcome of every goal of one suite; a goal that was not measured is not met. */
export function judge(goals: readonly Goal[], suite: string, cases: readonly Case[]): readonly GoalOutcome[] {
  return goals
    .filter((goal) => goal.suite === suite)
    .map(({ id, metric, target }) => {
      const value = figure(metric, cases);
      return value === undefined
        ? { id, target, met: false }
        : { id, target, value, met: isMet(target, value) };
    });
}

/** @returns true when `value` keeps the bound; inclusive */
export function isMet(target: Target, value: number): boolean {
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}

/** Each goal with its outcome in the newest run of its suite; `undefined` when no run measured it. */
export function scoreboard(
  goals: readonly Goal[],
  runs: readonly Run[],
): readonly (readonly [Goal, GoalOutcome | undefined])[] {
  return goals.map((goal) => {
    const run = runs.find(({ suite }) => suite === goal.suite);
    const outcome = run === undefined ? undefined : judge([goal], goal.suite, run.cases)[0];
    return [goal, outcome];
  });
}

function figure({ case: name, metric, over }: GoalMetric, cases: readonly Case[]): number | undefined {
  const row = cases.find((candidate) => candidate.case === name && candidate.metric === metric);
  const own = row?.values['varve']?.median;
  if (over === undefined || own === undefined) return own;
  const rival = row?.values[over]?.median;
  return rival === undefined ? undefined : own / rival;
}
