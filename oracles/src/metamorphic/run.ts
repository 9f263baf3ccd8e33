/** Runs many checks over many random databases. */
import { type Answer, isRefusal } from '../subjects/subject.js';
import { type Ask, type Failure, holds, type Store, within } from './check.js';
import { seeded } from './random.js';
import { randomSubject, relationOf, type Subject, sameBag } from './relations.js';
import { shrunk } from './shrink.js';
import { randomWorld, sqlOf, type World } from './world.js';

/** How much is run. */
export interface MetamorphicRun {
  readonly open: () => Promise<Store>;
  /** Queries in all. */
  readonly queries: number;
  readonly seed: number;
  /** Checks stop after so many failures. */
  readonly failuresMax: number;
  /** Databases that are made at most to make a failure smaller; 400 by default. */
  readonly shrinksMax?: number;
  /** Hears how many queries were asked. */
  readonly progress?: (queries: number) => void;
}

/** What came of it. */
export interface MetamorphicReport {
  readonly seed: number;
  readonly databases: number;
  readonly queries: number;
  /** By relation: how often it was checked and held. */
  readonly held: Readonly<Record<string, number>>;
  /** Checks in which a query was refused, by error. */
  readonly refused: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
}

const checksPerDatabase = 50;
/** Queries that are asked again when all rows lie in segments. */
const askedAgain = 20;

/** Cost: some four queries per check; a failure makes `shrinksMax` databases more at most. */
export async function runMetamorphic(run: MetamorphicRun): Promise<MetamorphicReport> {
  const held: Record<string, number> = {};
  const refused: Record<string, number> = {};
  const failures: Failure[] = [];
  let queries = 0;
  let databases = 0;
  while (queries < run.queries && failures.length < run.failuresMax) {
    // Each database has a seed of its own, so that one can be had without those before it.
    const random = seeded(run.seed + databases);
    databases += 1;
    const world = randomWorld(random);
    let broken: { subject: Subject; problem: string } | undefined;
    const store = await run.open();
    try {
      const failed = await within(store, world, async (plain) => {
        const kept: Kept[] = [];
        const ask = keeping(plain, kept);
        for (let check = 0; check < checksPerDatabase && queries < run.queries; check++) {
          const subject = randomSubject(random, world);
          const relation = relationOf(subject);
          queries += relation.queries.length;
          const outcome = await holds(ask, relation);
          if (outcome.is === 'holds') held[relation.name] = (held[relation.name] ?? 0) + 1;
          else if (outcome.is === 'refused') count(refused, outcome.error);
          else {
            broken = { subject, problem: outcome.problem };
            return undefined;
          }
        }
        // A transaction takes no VACUUM.
        if (world.inTransaction !== undefined) return undefined;
        const moved = await movedRows(plain, world, kept);
        queries += kept.length;
        if (moved === undefined) held.moved = (held.moved ?? 0) + kept.length;
        else failures.push(moved);
        return undefined;
      });
      if (failed !== undefined) failures.push(made(world, failed.error));
    } finally {
      await store.close();
    }
    if (broken !== undefined)
      failures.push(
        await shrunk(run.open, { world, subject: broken.subject }, broken.problem, run.shrinksMax ?? 400),
      );
    run.progress?.(queries);
  }
  return { seed: run.seed, databases, queries, held, refused, failures };
}

interface Kept {
  readonly sql: string;
  readonly answer: Answer;
}

/** Keeps answers that do not depend on the order of rows, nor on files that others write again. */
function keeping(ask: Ask, kept: Kept[]): Ask {
  return async (sql) => {
    const answer = await ask(sql);
    if (!isRefusal(answer) && kept.length < askedAgain && !/LIMIT|'@\//.test(sql)) kept.push({ sql, answer });
    return answer;
  };
}

/** Asks again when all rows have moved into segments, where other code finds them. */
async function movedRows(ask: Ask, world: World, kept: readonly Kept[]): Promise<Failure | undefined> {
  const vacuumed = await ask('VACUUM FULL');
  if (isRefusal(vacuumed)) return made(world, vacuumed.error);
  for (const { sql, answer } of kept) {
    const again = await ask(sql);
    const problem = isRefusal(again) ? again.error : sameBag([answer], [again]);
    if (problem === undefined) continue;
    const steps = world.steps.flatMap((step) => sqlOf(step) ?? []);
    return { relation: 'moved', problem, statements: [...steps, sql, 'VACUUM FULL', sql] };
  }
  return undefined;
}

/** A database that could not even be made. */
function made(world: World, problem: string): Failure {
  const sqls = world.steps.flatMap((step) => (step.is === 'sql' ? step.sql : `(rows of ${step.table})`));
  return { relation: 'making the database', problem, statements: sqls };
}

function count(counts: Record<string, number>, error: string): void {
  const reason = (error.split('\n', 1)[0] ?? '').replaceAll(/[\d.]+|'[^']*'/g, '…').slice(0, 120);
  counts[reason] = (counts[reason] ?? 0) + 1;
}

/** The report for people; the last line counts checks. */
export function metamorphicText({
  seed,
  databases,
  queries,
  held,
  refused,
  failures,
}: MetamorphicReport): string {
  const lines = [`seed ${seed}: ${queries} queries over ${databases} databases`];
  for (const [name, times] of Object.entries(held)) lines.push(`  ${name.padEnd(12)} held ${times} times`);
  for (const [reason, times] of Object.entries(refused)) lines.push(`  refused ${times} times: ${reason}`);
  for (const { relation, problem, statements } of failures)
    lines.push(`failed: ${relation}: ${problem}`, ...statements.map((sql) => `    ${sql};`));
  const right = Object.values(held).reduce((sum, times) => sum + times, 0);
  lines.push(`${right} passed, ${failures.length} failed`);
  return lines.join('\n');
}
