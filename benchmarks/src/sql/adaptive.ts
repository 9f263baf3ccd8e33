/**
 * Case `adaptive`: a skewed workload on 10 M rows that are in another order than it asks for, before and after Varve has
 * adapted its compression and sorting to it. Nine questions of ten ask for a narrow range of one column, most of them
 * in its first fifth. Varve alone: no rival adapts.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { allocatedBytes } from '../kv/disk-bytes.js';
import { createRandom, type Random } from '../random.js';
import type { Case, Context } from '../result.js';
import { mustAgree } from '../rounds.js';
import { exact } from '../statistics.js';
import { threadCount } from './engine.js';
import { tableG } from './h2o/table.js';
import { sizes } from './sizes.js';
import { findVarve, type VarveDatabase, varveKind } from './varve.js';

const name = 'adaptive';

export async function adaptive(context: Context): Promise<readonly Case[]> {
  const sql = await findVarve();
  if (sql === undefined) return [];
  const { skewed, rows } = sizes[context.size];
  const table = await tableG(context);
  context.progress.step('adaptive: loading');
  const folder = join(context.folder, name);
  mkdirSync(folder);
  await varveKind(sql, 'varve').load(folder, [table]);
  const bytesBefore = allocatedBytes(folder);
  const database = await sql.open(folder, { threads: threadCount });
  if (database.adapt === undefined)
    context.note(
      `${name}: this tier has no call that adapts; the workload ran twice over what it had loaded`,
    );
  const random = createRandom(context.seed);
  const questions = Array.from({ length: skewed }, () => question(random, rows / 100));
  context.progress.step('adaptive: the workload before');
  const before = await askAll(database, questions);
  context.progress.step('adaptive: adapting');
  const adapting = performance.now();
  const done = await database.adapt?.();
  const adaptingMs = performance.now() - adapting;
  context.note(`${name}: what was done: ${JSON.stringify(done)}`);
  context.progress.step('adaptive: the workload after');
  const after = await askAll(database, questions);
  mustAgree(
    name,
    new Map([
      ['before', before.answers],
      ['after', after.answers],
    ]),
  );
  await database.close();
  const of = (metric: string, better: Case['better'], value: number, unit = 'x'): Case => ({
    case: name,
    metric,
    unit,
    better,
    values: { varve: exact(value) },
  });
  return [
    of('speed over before', 'higher', before.ms / after.ms),
    of('bytes over before', 'lower', allocatedBytes(folder) / bytesBefore),
    of('adapting', 'lower', adaptingMs, 'ms'),
    // How the two kinds of questions fared: what one gains the other must not pay for.
    of('speed of the frequent kind', 'higher', before.hotMs / after.hotMs),
    ...(before.coldMs === 0 ? [] : [of('speed of the rare kind', 'higher', before.coldMs / after.coldMs)]),
  ];
}

interface Question {
  readonly isHot: boolean;
  readonly text: string;
}

function question(random: Random, distinct: number): Question {
  const isHot = random.unit() < 0.9;
  const from = 1 + random.below(isHot && random.unit() < 0.8 ? distinct / 5 : distinct);
  const filter = isHot ? `id6 between ${from} and ${from + 20}` : `id4 = ${1 + random.below(100)}`;
  return { isHot, text: `select count(*) as n, sum(v1) as v from g where ${filter}` };
}

interface Asked {
  readonly ms: number;
  readonly hotMs: number;
  readonly coldMs: number;
  readonly answers: string;
}

async function askAll(database: VarveDatabase, questions: readonly Question[]): Promise<Asked> {
  const answers: string[] = [];
  let [hotMs, coldMs] = [0, 0];
  for (const { isHot, text } of questions) {
    const start = performance.now();
    const [found] = await database.query(text).rows();
    const ms = performance.now() - start;
    if (isHot) hotMs += ms;
    else coldMs += ms;
    answers.push(`${Number(found?.['n'])} ${Number(found?.['v'])}`);
  }
  return { ms: hotMs + coldMs, hotMs, coldMs, answers: answers.join('\n') };
}
