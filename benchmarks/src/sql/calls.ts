/**
 * Case `calls`: the smallest questions, one after the other. A prepared query that adds one to its parameter, and the
 * value of one key: Varve's synchronous read, better-sqlite3's prepared statement, DuckDB's with an index on the key.
 * Every answer is compared with what was stored.
 *
 * Reads go on for a while in each round. The first ones, as many as a size's `calls`, are told by themselves too: they
 * find the caches of the processor full of what another engine did.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from '../random.js';
import type { Case, Context } from '../result.js';
import { loadSqlite } from '../rivals/load.js';
import { interleave, row, WrongAnswer } from '../rounds.js';
import { connect, fileIn } from './duckdb.js';
import { threadCount } from './engine.js';
import { sizes } from './sizes.js';
import { msOf } from './timing.js';
import { findVarve, finish, type VarveSql } from './varve.js';

const name = 'calls';

/** A table p whose row `id` has the value `valueOf(key)`. */
interface Caller {
  readonly name: string;
  /** A prepared query's answer to `value + 1`. */
  addOne(value: number): Promise<number> | number;
  read(key: number): Promise<number> | number;
  close(): unknown;
}

const valueOf = (key: number): number => key * 0.5;

export async function calls(context: Context): Promise<readonly Case[]> {
  const { calls: count, callRounds, callRows, readMs } = sizes[context.size];
  const sql = await findVarve();
  context.progress.step(`calls: loading ${callRows.toLocaleString('en')} rows`);
  const callers = [
    ...(sql === undefined ? [] : [await openVarve(sql, context)]),
    await openDuckDb(context),
    openSqlite(context),
  ];
  context.progress.step('calls: prepared queries');
  const queries = await interleave(callers, callRounds, async (caller) => {
    const ms = await msOf(async () => {
      for (let i = 0; i < count; i++) {
        const answer = await caller.addOne(i);
        if (answer !== i + 1) throw wrong(caller, i, answer);
      }
    });
    return (ms * 1000) / count;
  });
  context.progress.step('calls: point reads');
  const firstReads = new Map(callers.map((caller) => [caller.name, [] as number[]]));
  const reads = await interleave(callers, callRounds, async (caller, round) => {
    const random = createRandom(context.seed + round);
    let ms = 0;
    let done = 0;
    do {
      const keys = Array.from({ length: count }, () => random.below(callRows));
      ms += await msOf(() => readAll(caller, keys));
      done += count;
      if (done === count) firstReads.get(caller.name)?.push((ms * 1000) / count);
    } while (ms < readMs);
    return (ms * 1000) / done;
  });
  for (const caller of callers) await caller.close();
  return [
    row({ case: name, metric: 'trivial prepared query', unit: 'us', better: 'lower' }, queries),
    row({ case: name, metric: 'point read', unit: 'us', better: 'lower' }, reads),
    row({ case: name, metric: 'point read, the first of a round', unit: 'us', better: 'lower' }, firstReads),
  ];
}

/** A synchronous answer is not waited for: a wait would cost more than the read. */
async function readAll(caller: Caller, keys: readonly number[]): Promise<void> {
  for (const key of keys) {
    const answer = caller.read(key);
    const value = typeof answer === 'number' ? answer : await answer;
    if (value !== valueOf(key)) throw wrong(caller, key, value);
  }
}

function wrong(caller: Caller, asked: number, answer: number): WrongAnswer {
  return new WrongAnswer(`${name}: ${caller.name} answers ${answer} to ${asked}`);
}

async function openVarve(sql: VarveSql, { folder, size }: Context): Promise<Caller> {
  const database = await sql.open(join(folder, 'calls, varve'), { threads: threadCount });
  await finish(database.query('create table p (id bigint primary key, value double not null)'));
  const { callRows } = sizes[size];
  await database.append('p', {
    id: BigInt64Array.from({ length: callRows }, (_, key) => BigInt(key)),
    value: Float64Array.from({ length: callRows }, (_, key) => valueOf(key)),
  });
  await database.compact?.();
  const prepared = await database.prepare('select cast($1 as integer) + 1 as answer');
  return {
    name: 'varve',
    addOne: async (value) => Number((await prepared.query([value]).rows())[0]?.['answer']),
    read: (key) => Number(database.get('p', BigInt(key))?.['value']),
    close: () => database.close(),
  };
}

async function openDuckDb({ folder, size }: Context): Promise<Caller> {
  const own = join(folder, 'calls, duckdb');
  mkdirSync(own);
  const { connection, close } = await connect(fileIn(own));
  await connection.run('create table p (id bigint primary key, value double not null)');
  await connection.run(`insert into p select i, i * 0.5 from range(${sizes[size].callRows}) t(i)`);
  await connection.run('checkpoint');
  const addition = await connection.prepare('select $1::integer + 1');
  const lookup = await connection.prepare('select value from p where id = $1');
  const only = async (statement: typeof addition): Promise<number> =>
    Number((await (await statement.run()).fetchChunk())?.getColumns()[0]?.[0]);
  return {
    name: 'duckdb',
    addOne(value) {
      addition.bindInteger(1, value);
      return only(addition);
    },
    read(key) {
      lookup.bindBigInt(1, BigInt(key));
      return only(lookup);
    },
    close,
  };
}

function openSqlite({ folder, size }: Context): Caller {
  const store = new (loadSqlite())(join(folder, 'calls.sqlite'));
  store.pragma('journal_mode = WAL');
  store.pragma(`cache_size = -${512 * 1024}`);
  store.exec('create table p (id integer primary key, value real not null)');
  const insert = store.prepare('insert into p values (?, ?)');
  store.exec('begin');
  for (let key = 0; key < sizes[size].callRows; key++) insert.run(key, valueOf(key));
  store.exec('commit');
  // Reads by way of the write-ahead log are slower, and those of a mapped file faster.
  store.pragma('wal_checkpoint(TRUNCATE)');
  store.pragma(`mmap_size = ${16 * 2 ** 30}`);
  const addition = store.prepare('select ? + 1').pluck();
  const lookup = store.prepare('select value from p where id = ?').pluck();
  return {
    name: 'better-sqlite3',
    addOne: (value) => Number(addition.get(value)),
    read: (key) => Number(lookup.get(key)),
    close: () => store.close(),
  };
}
