/** Makes a failing case smaller for as long as it still fails. */
import { breaks, type Failure, type Store } from './check.js';
import { smaller } from './expressions.js';
import { relationOf, type Subject } from './relations.js';
import { type Step, sqlOf, type World } from './world.js';

interface Case {
  readonly world: World;
  readonly subject: Subject;
}

/** @param triesMax databases that are made at most */
export async function shrunk(
  open: () => Promise<Store>,
  first: Case,
  problem: string,
  triesMax: number,
): Promise<Failure> {
  let best = first;
  let told = problem;
  let tries = 0;
  let isSmaller = true;
  while (isSmaller && tries < triesMax) {
    isSmaller = false;
    for (const candidate of candidates(best)) {
      if (tries++ >= triesMax) break;
      const found = await breaks(open, candidate.world, candidate.subject);
      if (found === undefined) continue;
      best = candidate;
      told = found;
      isSmaller = true;
      break;
    }
  }
  return { relation: best.subject.kind, problem: told, statements: statementsOf(best) };
}

function* candidates({ world, subject }: Case): Generator<Case> {
  const { inTransaction, ...outside } = world;
  if (inTransaction !== undefined) {
    yield { world: { ...outside, steps: [...world.steps, ...inTransaction] }, subject };
    for (const less of fewerSteps(inTransaction)) yield { world: { ...world, inTransaction: less }, subject };
  }
  for (const less of fewerSteps(world.steps)) yield { world: { ...world, steps: less }, subject };
  for (const condition of smaller(subject.condition)) yield { world, subject: { ...subject, condition } };
  for (const condition of smaller(subject.other.condition))
    yield { world, subject: { ...subject, other: { ...subject.other, condition } } };
  if (subject.shown.length > 1)
    for (const at of subject.shown.keys())
      yield { world, subject: { ...subject, shown: subject.shown.filter((_, index) => index !== at) } };
}

/** One step less, or half the rows of one. */
function* fewerSteps(steps: readonly Step[]): Generator<readonly Step[]> {
  for (const [at, step] of steps.entries()) {
    const others = (replaced: readonly Step[]): readonly Step[] => [
      ...steps.slice(0, at),
      ...replaced,
      ...steps.slice(at + 1),
    ];
    if (step.is === 'rows') {
      yield others([]);
      const half = Math.ceil(step.rows.length / 2);
      if (step.rows.length > 1) {
        yield others([{ ...step, rows: step.rows.slice(half) }]);
        yield others([{ ...step, rows: step.rows.slice(0, half) }]);
        if (step.rows.length <= 8)
          for (const row of step.rows.keys())
            yield others([{ ...step, rows: step.rows.filter((_, index) => index !== row) }]);
      }
    } else if (!step.sql.startsWith('CREATE TABLE')) yield others([]);
  }
}

function statementsOf({ world, subject }: Case): string[] {
  const sqls = (steps: readonly Step[]): string[] => steps.flatMap((step) => sqlOf(step) ?? []);
  const inside = world.inTransaction === undefined ? [] : ['BEGIN', ...sqls(world.inTransaction)];
  return [...sqls(world.steps), ...inside, ...relationOf(subject).queries];
}
