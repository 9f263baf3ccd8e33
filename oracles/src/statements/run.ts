/** Asks Varve and DuckDB random statements over the same random tables. */

import fc from 'fast-check';
import { difference } from '../beside/compare.js';
import { type DuckDb, openDuckDb } from '../beside/duckdb.js';
import type { Store } from '../metamorphic/check.js';
import { type Random, seeded } from '../metamorphic/random.js';
import { isRefusal } from '../subjects/subject.js';
import { literal, randomStatement, sqlType, tables } from './random-statement.js';

/** How much is run. */
export interface StatementsRun {
  readonly open: () => Promise<Store>;
  readonly statements: number;
  readonly seed: number;
  /** Databases are made no more after so many failures. */
  readonly failuresMax: number;
  /** Hears how many statements were asked. */
  readonly progress?: (statements: number) => void;
}

/** What came of it. */
export interface StatementsReport {
  readonly seed: number;
  readonly statements: number;
  /** Answers that agreed, as many as were compared. */
  readonly agreed: number;
  /** Answers of more than no rows. */
  readonly withRows: number;
  /** Statements that Varve refused and DuckDB did not, by error. */
  readonly refused: Readonly<Record<string, number>>;
  /** Statements that DuckDB refused. */
  readonly notCompared: number;
  readonly failures: readonly StatementsFailure[];
}

/** An answer that differs, of a statement made as small as it goes. */
export interface StatementsFailure {
  readonly problem: string;
  /** All that has to be run, in order. */
  readonly statements: readonly string[];
}

type Counts = { -readonly [Name in 'agreed' | 'withRows' | 'notCompared']: number } & {
  readonly refused: Record<string, number>;
};

const uncounted = (): Counts => ({ agreed: 0, withRows: 0, notCompared: 0, refused: {} });

const perDatabase = 200;
/** Statements that are asked at most to make a failure smaller. */
const shrinksMax = 600;
const drawsMax = 300;
const drawMax = 2 ** 30 - 1;

/** Cost: some 30 ms per statement of tests' addon; a failure asks some hundred more to become small. */
export async function runStatements(run: StatementsRun): Promise<StatementsReport> {
  const counts = uncounted();
  const failures: StatementsFailure[] = [];
  let statements = 0;
  // Each database has a seed of its own, so that one can be had without those before it.
  for (let seed = run.seed; statements < run.statements && failures.length < run.failuresMax; seed += 1) {
    const count = Math.min(perDatabase, run.statements - statements);
    const failure = await inDatabase(run, seed, count, counts);
    if (failure !== undefined) failures.push(failure);
    statements += count;
    run.progress?.(statements);
  }
  return { seed: run.seed, statements, ...counts, failures };
}

async function inDatabase(
  { open }: StatementsRun,
  seed: number,
  count: number,
  counts: Counts,
): Promise<StatementsFailure | undefined> {
  const store = await open();
  const duckdb = await openDuckDb();
  try {
    const made = randomTables(seeded(seed));
    for (const sql of made) {
      if (!sql.startsWith('VACUUM')) await duckdb.run(sql);
      const answer = await store.ask(sql);
      if (isRefusal(answer)) return { problem: answer.error, statements: made };
    }
    let smaller = 0;
    const asked = async (draws: readonly number[]): Promise<void> => {
      if (smaller > shrinksMax) return;
      const counted = smaller === 0 ? counts : uncounted();
      const problem = await compared(store, duckdb, randomStatement(drawn(draws)), counted);
      if (problem !== undefined || smaller > 0) smaller += 1;
      if (problem !== undefined) throw new Error(problem);
    };
    const draws = fc.array(fc.nat(drawMax), { maxLength: drawsMax, size: 'max' });
    const { counterexample, errorInstance } = await fc.check(fc.asyncProperty(draws, asked), {
      numRuns: count,
      seed,
      // Small draws come when a failure is made smaller.
      unbiased: true,
    });
    if (counterexample === null) return undefined;
    const { sql } = randomStatement(drawn(counterexample[0]));
    return { problem: String(errorInstance), statements: [...made, sql] };
  } finally {
    duckdb.close();
    await store.close();
  }
}

/** Draws one after the other; after the last there are zeros. */
function drawn(draws: readonly number[]): (count: number) => number {
  let at = 0;
  return (count) => Math.floor(((draws[at++] ?? 0) / (drawMax + 1)) * count);
}

/** Tables of few values, of which some rows lie in segments. */
function randomTables(random: Random): string[] {
  const made: string[] = [];
  for (const [table, columns] of Object.entries(tables)) {
    const kinds = Object.entries(columns);
    const key = random.oneIn(2) ? ', PRIMARY KEY (i)' : '';
    made.push(
      `CREATE TABLE ${table} (${kinds.map(([name, kind]) => `${name} ${sqlType(kind)}`).join(', ')}${key})`,
    );
    const rows = Array.from({ length: random.below(14) }, (_, at) =>
      kinds.map(([name, kind]) => (name === 'i' ? at : literal(kind, random.below(7)))).join(', '),
    );
    const [first, rest] = [rows.slice(0, rows.length / 2), rows.slice(rows.length / 2)];
    if (first.length > 0) made.push(`INSERT INTO ${table} VALUES (${first.join('), (')})`, 'VACUUM');
    if (rest.length > 0) made.push(`INSERT INTO ${table} VALUES (${rest.join('), (')})`);
    if (random.oneIn(3)) made.push(`DELETE FROM ${table} WHERE i = ${random.below(8)}`);
  }
  return made;
}

/** How the answers differ; undefined when they do not, or there is nothing to compare. */
async function compared(
  { ask }: Store,
  duckdb: DuckDb,
  { sql, isOrdered }: ReturnType<typeof randomStatement>,
  counts: Counts,
): Promise<string | undefined> {
  const theirs = await duckdb.rows(sql).catch(() => undefined);
  if (theirs === undefined) {
    counts.notCompared += 1;
    return undefined;
  }
  const answer = await ask(sql);
  if (isRefusal(answer)) {
    if (!answer.error.startsWith('SQL_UNSUPPORTED')) return answer.error;
    counts.refused[answer.error] = (counts.refused[answer.error] ?? 0) + 1;
    return undefined;
  }
  // A date comes as a moment.
  const ours = answer.rows.map((row) => row.map((value) => value?.replace('T00:00:00.000Z', '') ?? null));
  const told = difference(ours, theirs, isOrdered);
  if (told !== undefined) return told;
  counts.agreed += 1;
  if (ours.length > 0) counts.withRows += 1;
  return undefined;
}

/** The report for people; the last line counts answers. */
export function statementsText(report: StatementsReport): string {
  const { seed, statements, agreed, withRows, notCompared, refused, failures } = report;
  const lines = [
    `seed ${seed}: ${statements} statements, ${withRows} of the ${agreed} answers with rows, ${notCompared} not for DuckDB`,
  ];
  for (const [reason, times] of Object.entries(refused)) lines.push(`  refused ${times} times: ${reason}`);
  for (const failure of failures)
    lines.push(`failed: ${failure.problem}`, ...failure.statements.map((sql) => `    ${sql};`));
  lines.push(`${agreed} passed, ${failures.length} failed`);
  return lines.join('\n');
}
