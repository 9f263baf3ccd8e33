/**
 * Random plans on a database that the pc tier wrote: the tier without SQL opens it and answers the same.
 *
 * Sums of floating point numbers may differ in their last digits; everything else is equal to the last.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forSeeds } from '@varve/conformance';
import { type PlanEngine, type QueryPlan, type SqlRow, VarveError } from '@varve/interfaces';
import { open as openMobile } from '@varve/mobile';
import { open as openPc } from '@varve/pc';
import { afterAll, expect, it } from 'vitest';
import { type Below, randomPlan, words } from '../src/plans/random-plan.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-plans-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plansPerSeed = 120;
/** More than stay hot when they come together. */
const segmentRows = 70_000;

async function write(place: string, below: Below): Promise<void> {
  const db = await openPc(place);
  await db.query(
    'CREATE TABLE a (id BIGINT PRIMARY KEY, k INTEGER, f DOUBLE, d DECIMAL(12, 2), s VARCHAR, day DATE, t BOOLEAN)',
  );
  await db.query('CREATE TABLE b (k SMALLINT, label VARCHAR, weight DOUBLE)');
  const some = <T>(make: () => T): T | null => (below(8) === 0 ? null : make());
  const rows = (from: number, count: number): Record<string, unknown[]> => {
    const of = <T>(make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
    return {
      id: of((at) => BigInt(from + at)),
      k: of(() => some(() => below(30) - 5)),
      f: of(() => some(() => (below(800) - 200) / 16)),
      d: of(() => some(() => ((below(4_000) - 1_000) / 100).toFixed(2))),
      s: of(() => some(() => words[below(words.length)] as string)),
      day: of(() => some(() => new Date(Date.UTC(2000, 0, below(400))))),
      t: of(() => some(() => below(2) === 0)),
    };
  };
  await db.append('a', rows(0, segmentRows) as never);
  await db.append('a', rows(segmentRows, 300) as never);
  await db.query('DELETE FROM a WHERE id % 11 = $1', [below(11)]);
  await db.query('UPDATE a SET k = k + 1 WHERE id % 501 = 0');
  const labels = Array.from({ length: 40 }, () => some(() => words[below(words.length)] as string));
  const keys = labels.map(() => some(() => below(40) - 8));
  await db.append('b', { k: keys, label: labels, weight: labels.map(() => below(8) / 2) });
  await db.close();
}

/** The rows of a plan, or the code with which it fails. */
async function answer(db: PlanEngine, plan: QueryPlan): Promise<readonly SqlRow[] | string> {
  try {
    return await db.query({ plan }).rows();
  } catch (error) {
    if (error instanceof VarveError) return error.code;
    throw error;
  }
}

/** Whether two answers are the same, floating point numbers but for their last digits. */
function isSame(one: unknown, other: unknown): boolean {
  if (typeof one === 'number' && typeof other === 'number') {
    const difference = Math.abs(one - other);
    return Object.is(one + 0, other + 0) || difference <= 1e-9 * Math.max(Math.abs(one), Math.abs(other), 1);
  }
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null)
    return one === other;
  if (one instanceof Date) return other instanceof Date && one.getTime() === other.getTime();
  const [names, others] = [Object.keys(one), Object.keys(other)];
  return (
    names.length === others.length &&
    names.every((name, at) => name === others[at] && isSame(Reflect.get(one, name), Reflect.get(other, name)))
  );
}

it('random plans have the same answers on both tiers', async () => {
  await forSeeds(1, async (random) => {
    const below: Below = (count) => random.below(count);
    const place = mkdtempSync(join(folder, 'db-'));
    await write(place, below);
    const plans = Array.from({ length: plansPerSeed }, () => randomPlan(below));
    const pc = await openPc(place);
    const expected: (readonly SqlRow[] | string)[] = [];
    for (const plan of plans) expected.push(await answer(pc, plan));
    await pc.close();
    const mobile = await openMobile(place);
    for (const [at, plan] of plans.entries()) {
      const actual = await answer(mobile, plan);
      if (!isSame(actual, expected[at])) assert.deepEqual(actual, expected[at], JSON.stringify(plan));
    }
    await mobile.close();
    const empty = expected.filter((rows) => rows.length === 0).length;
    expect(empty, 'most plans answer something').toBeLessThan(plansPerSeed / 2);
    expect(expected.filter((rows) => typeof rows === 'string').length).toBeLessThan(plansPerSeed / 4);
  });
}, 300_000);
