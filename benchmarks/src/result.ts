/** The one JSON format of every suite's results. */
import type { Progress } from './progress.js';

/** Median, distance of the quartiles, and number of measurements. */
export interface Value {
  readonly median: number;
  readonly iqr: number;
  readonly n: number;
}

/** The same question to Varve and to its rivals. */
export interface Case {
  /** What was done, in words that also appear in goals.json. */
  readonly case: string;
  /** What was measured. */
  readonly metric: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** By engine; Varve's own is named `varve`, a variant of it `varve, VARIANT`. */
  readonly values: Readonly<Record<string, Value>>;
  /** True when the row names no winner, for example the size of the data. */
  readonly remark?: boolean;
}

/** What one goal came to. */
export interface GoalOutcome {
  readonly id: string;
  readonly target: Target;
  /** Absent when the run did not measure it. */
  readonly value?: number;
  readonly met: boolean;
}

/** A bound that a figure must keep; inclusive. */
export type Target = { readonly atLeast: number } | { readonly atMost: number };

export type Size = 'small' | 'real';

/** One run of one suite. */
export interface Run {
  readonly suite: string;
  readonly size: Size;
  /** Abbreviated hash of the commit that was measured; `+` at the end when files differed from it. */
  readonly commit: string;
  readonly machine: string;
  readonly seed: number;
  /** Why the rest is missing; only what the finished parts measured is there. Absent from a run that came to its end. */
  readonly incomplete?: string;
  /** How something was measured where the machine decides it, for example the way memory was limited. */
  readonly notes?: readonly string[];
  readonly cases: readonly Case[];
  readonly goals: readonly GoalOutcome[];
}

/** What a part works with. */
export interface Context {
  readonly size: Size;
  readonly seed: number;
  /** Keys of suite `index`; its size's by default. */
  readonly keyCount?: number;
  /** A folder on disk for the suite's files, empty at first; the harness removes it. */
  readonly folder: string;
  readonly progress: Progress;
  /** Adds one line to the run's notes. */
  readonly note: (text: string) => void;
}

/** Measures and returns its cases; the harness adds the rest. */
export type Part = (context: Context) => Promise<readonly Case[]>;

export interface Suite {
  /** Provides what every part needs, once, before them. */
  readonly prepare?: (context: Context) => Promise<void>;
  /** In the order they run; independent of each other, by the name that `--only` asks for. */
  readonly parts: Readonly<Record<string, Part>>;
}
