/** The suite of plans on the tier as users open it; what only a store of tables has; what the tier lacks. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlanSubject, planEngineCases } from '@varve/conformance';
import { VarveError } from '@varve/interfaces';
import { col, count, from, open, sum } from '@varve/mobile';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'varve-mobile-'));
const fresh = (): string => mkdtempSync(join(folder, 'db-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function planSubject(): Promise<PlanSubject> {
  const db = await open(fresh());
  return {
    createTable: (name, columns, primaryKey = []) => db.createTable(name, columns, { primaryKey }),
    append: (table, columns) => db.append(table, columns),
    query: (query, options) => db.query(query, options),
    close: () => db.close(),
  };
}

describe('TableStore', () => {
  for (const { name, run } of planEngineCases) it(name, () => run({ open: planSubject }));

  it('puts, deletes and reads rows by key, and keeps what it committed', async () => {
    const place = fresh();
    const db = await open(place);
    await db.createTable('t', { id: 'int64', name: 'text' }, { primaryKey: ['id'] });
    expect(await db.append('t', { id: [1n, 2n], name: ['a', 'b'] })).toBe(2);
    expect(await db.put('t', { id: [2n, 3n], name: ['B', 'C'] })).toBe(2);
    expect(await db.delete('t', { id: [1n, 9n] })).toBe(1);
    expect(db.get('t', 2n)).toEqual({ id: 2n, name: 'B' });
    expect(db.get('t', 1n)).toBeUndefined();
    await expect(db.append('t', { id: [2n], name: ['x'] })).rejects.toMatchObject({
      code: 'CONSTRAINT_VIOLATED',
    });
    await db.close();
    const again = await open(place);
    expect(await again.query(from('t').orderBy('id')).rows()).toEqual([
      { id: 2n, name: 'B' },
      { id: 3n, name: 'C' },
    ]);
    await again.dropTable('t');
    expect(await again.tables()).toEqual([]);
    await again.close();
  });

  it('a transaction is whole or nothing, and a snapshot stays', async () => {
    const db = await open(fresh());
    await db.createTable('t', { id: 'int64' }, { primaryKey: ['id'] });
    const ids = from('t').select('id').orderBy('id');
    const before = db.snapshot();
    await db.transaction(async (transaction) => {
      await transaction.append('t', { id: [1n] });
      await transaction.put('t', { id: [2n] });
      expect(await transaction.delete('t', { id: [1n] })).toBe(1);
      expect(await transaction.query(ids).rows()).toEqual([{ id: 2n }]);
      expect(await db.query(ids).rows()).toEqual([]);
    });
    expect(await db.query(ids).rows()).toEqual([{ id: 2n }]);
    expect(await db.query(ids, { snapshot: before }).rows()).toEqual([]);
    before.release();
    const failing = db.transaction(async (transaction) => {
      await transaction.append('t', { id: [3n] });
      throw new Error('enough');
    });
    await expect(failing).rejects.toThrow('enough');
    expect(await db.query(ids).rows()).toEqual([{ id: 2n }]);
    await db.close();
  });

  it('many rows are segments, of which filters skip and deletions count', async () => {
    const db = await open(fresh());
    await db.createTable('t', { id: 'int64', part: 'int32' }, { primaryKey: ['id'] });
    const rows = 200_000;
    const id = BigInt64Array.from({ length: rows }, (_, at) => BigInt(at));
    await db.append('t', { id, part: Int32Array.from({ length: rows }, (_, at) => at % 7) });
    await db.delete('t', { id: [199_999n] });
    const heard: number[] = [];
    const progress = ({ rowsScanned }: { rowsScanned: number }): unknown => heard.push(rowsScanned);
    const late = from('t').where(col('id').gte(199_990), col('part').in([0, 1, 2, 3, 4, 5, 6]));
    expect(await db.query(late.aggregate({ n: count(), s: sum('id') }), { progress }).rows()).toEqual([
      { n: 9n, s: 9n * 199_994n },
    ]);
    expect(
      await db.query(from('t').groupBy('part').aggregate({ n: count() }).orderBy('part').limit(1)).rows(),
    ).toEqual([{ part: 0, n: 28_572n }]);
    await db.close();
  });

  it('what does not fit into memory is refused', async () => {
    const db = await open(fresh(), { memoryBytes: 16 << 20 });
    await db.createTable('t', { id: 'int64' });
    await db.append('t', { id: BigInt64Array.from({ length: 2_000_000 }, (_, at) => BigInt(at)) });
    const code = { code: 'MEMORY_EXCEEDED' };
    await expect(db.query(from('t').orderBy('id')).rows()).rejects.toMatchObject(code);
    await expect(db.query(from('t').groupBy('id').aggregate({ n: count() })).rows()).rejects.toMatchObject(
      code,
    );
    await expect(db.query(from('t').join('t', ['id'])).rows()).rejects.toMatchObject(code);
    expect(await db.query(from('t').orderBy('id').limit(2)).rows()).toEqual([{ id: 0n }, { id: 1n }]);
    await db.close();
  });
});

it('answers CAPABILITY_MISSING to SQL, and says who has it', async () => {
  const db = await open(fresh());
  const untyped = db as unknown as {
    query(sql: string): Promise<unknown>;
    prepare(sql: string): Promise<unknown>;
  };
  for (const asked of [untyped.query('SELECT 1'), untyped.prepare('SELECT 1')]) {
    const error: unknown = await asked.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(VarveError);
    expect(error).toMatchObject({ code: 'CAPABILITY_MISSING', hint: expect.stringContaining('@varve/pc') });
  }
  await db.close();
});
