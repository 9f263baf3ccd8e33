/** Makes a random database and asks whether relations hold in it; the same, made smaller, when one does not. */

import type { Answer } from '../subjects/subject.js';
import { isRefusal, type Refusal } from '../subjects/subject.js';
import { type Relation, relationOf, type Subject } from './relations.js';
import { type Step, sqlOf, type World } from './world.js';

/** Runs a statement; rejects for nothing that a statement does. Files `'@/name'` lie in a folder of the store. */
export type Ask = (sql: string) => Promise<Answer | Refusal>;

/** A database that begins empty. */
export interface Store {
  readonly ask: Ask;
  /** Runs `body` in a transaction, which is rolled back. */
  inTransaction<T>(body: (ask: Ask) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A relation that does not hold. */
export interface Failure {
  readonly relation: string;
  readonly problem: string;
  /** All that has to be run, in order. */
  readonly statements: readonly string[];
}

/** Errors that are answers: a value leaves its type, or the engine has no such operation. Any other is a failure. */
const lawful =
  /^(SQL_VALUE: .*(overflow|too (large|small) to store)|CONSTRAINT_VIOLATED|SQL_UNSUPPORTED|SQL_LIMIT)/i;

/** What a check came to: it holds, cannot be told because a query was lawfully refused, or does not hold. */
export type Outcome =
  | { readonly is: 'holds' }
  | { readonly is: 'refused'; readonly error: string }
  | { readonly is: 'broken'; readonly problem: string };

/** Makes the world in `store`, then lets `body` ask. @returns what `body` gives, or why a step failed */
export async function within<T>(
  store: Store,
  world: World,
  body: (ask: Ask) => Promise<T>,
): Promise<T | Refusal> {
  const failed = await take(store.ask, world.steps);
  if (failed !== undefined) return failed;
  const { inTransaction } = world;
  if (inTransaction === undefined) return body(store.ask);
  return store.inTransaction(async (ask) => (await take(ask, inTransaction)) ?? body(ask));
}

async function take(ask: Ask, steps: readonly Step[]): Promise<Refusal | undefined> {
  for (const step of steps) {
    const sql = sqlOf(step);
    if (sql === undefined) continue;
    const answer = await ask(sql);
    if (isRefusal(answer) && !lawful.test(answer.error)) return { error: `${answer.error}, at ${sql}` };
  }
  return undefined;
}

/** Asks whether a relation holds. */
export async function holds(ask: Ask, { queries, problem }: Relation): Promise<Outcome> {
  const answers: Answer[] = [];
  for (const sql of queries) {
    const answer = await ask(sql);
    if (!isRefusal(answer)) answers.push(answer);
    else if (lawful.test(answer.error)) return { is: 'refused', error: answer.error };
    else return { is: 'broken', problem: `${answer.error}, at ${sql}` };
  }
  const told = problem(answers);
  return told === undefined ? { is: 'holds' } : { is: 'broken', problem: told };
}

/** Whether the relation of `subject` is broken in a fresh database. */
export async function breaks(
  open: () => Promise<Store>,
  world: World,
  subject: Subject,
): Promise<string | undefined> {
  const store = await open();
  try {
    const outcome = await within(store, world, (ask) => holds(ask, relationOf(subject)));
    if ('is' in outcome) return outcome.is === 'broken' ? outcome.problem : undefined;
    return outcome.error;
  } finally {
    await store.close();
  }
}
