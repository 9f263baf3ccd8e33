/**
 * Case `commit`: one row per transaction, each acknowledged when it survives power loss; one after the other, and with
 * 16 in flight. SQLite (WAL, synchronous FULL) answers synchronously, so that nothing of it is ever in flight: it makes
 * the same commits one after the other. DuckDB gets a connection for each that is in flight.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Case, Context } from '../result.js';
import { loadSqlite } from '../rivals/load.js';
import { interleave, row, WrongAnswer } from '../rounds.js';
import { connect, fileIn } from './duckdb.js';
import { threadCount } from './engine.js';
import { sizes } from './sizes.js';
import { msOf } from './timing.js';
import { findVarve, finish, type VarveSql } from './varve.js';

const name = 'commit';
const createTable = 'create table c (id bigint, value varchar)';
const inFlight = 16;

interface Committer {
  /** Commits one row; `lane` tells what is in flight apart. */
  commit(key: number, lane: number): Promise<unknown> | undefined;
  count(): Promise<number> | number;
  close(): unknown;
}

interface CommitterKind {
  readonly name: string;
  open(folder: string): Promise<Committer> | Committer;
}

export async function commit(context: Context): Promise<readonly Case[]> {
  const sql = await findVarve();
  const kinds: readonly CommitterKind[] = [...(sql === undefined ? [] : [varve(sql)]), sqlite, duckdb];
  const of = async (metric: string, lanes: number): Promise<Case> => {
    context.progress.step(`commit: ${metric}`);
    const { commits, commitRounds } = sizes[context.size];
    const rates = await interleave(kinds, commitRounds, (kind) => rateOf(kind, commits, lanes, context));
    return row({ case: name, metric, unit: '1/s', better: 'higher' }, rates);
  };
  return [await of('one after the other', 1), await of(`${inFlight} in flight`, inFlight)];
}

/** Commits per second into a fresh database. */
async function rateOf(
  kind: CommitterKind,
  commits: number,
  lanes: number,
  context: Context,
): Promise<number> {
  const folder = join(context.folder, `commit, ${kind.name}`);
  mkdirSync(folder);
  const committer = await kind.open(folder);
  let next = 0;
  const lane = async (_: unknown, index: number): Promise<void> => {
    while (next < commits) await committer.commit(next++, index);
  };
  const ms = await msOf(() => Promise.all(Array.from({ length: lanes }, lane)));
  const count = await committer.count();
  if (count !== commits) throw new WrongAnswer(`${name}: ${kind.name} holds ${count} of ${commits} rows`);
  await committer.close();
  rmSync(folder, { recursive: true });
  return (commits / ms) * 1000;
}

const valueOf = (key: number): string => `value ${key}`;

function varve(sql: VarveSql): CommitterKind {
  return {
    name: 'varve',
    async open(folder) {
      const database = await sql.open(folder, { threads: threadCount });
      await finish(database.query(createTable));
      const insert = await database.prepare('insert into c values ($1, $2)');
      return {
        commit: (key) => finish(insert.query([BigInt(key), valueOf(key)])),
        async count() {
          const [found] = await database.query('select count(*) as n from c').rows();
          return Number(found?.['n']);
        },
        close: () => database.close(),
      };
    },
  };
}

const sqlite: CommitterKind = {
  name: 'better-sqlite3',
  open(folder) {
    const store = new (loadSqlite())(join(folder, 'data.sqlite'));
    store.pragma('journal_mode = WAL');
    store.pragma('synchronous = FULL');
    store.exec(createTable);
    const insert = store.prepare('insert into c values (?, ?)');
    return {
      commit(key) {
        insert.run(key, valueOf(key));
        return undefined;
      },
      count: () => Number(store.prepare('select count(*) from c').pluck().get()),
      close: () => store.close(),
    };
  },
};

const duckdb: CommitterKind = {
  name: 'duckdb',
  async open(folder) {
    const { connection, connect: another, close } = await connect(fileIn(folder));
    await connection.run(createTable);
    const connections = await Promise.all(Array.from({ length: inFlight }, () => another()));
    const inserts = await Promise.all(connections.map((own) => own.prepare('insert into c values ($1, $2)')));
    return {
      commit(key, lane) {
        const insert = inserts[lane];
        insert?.bindBigInt(1, BigInt(key));
        insert?.bindVarchar(2, valueOf(key));
        return insert?.run();
      },
      async count() {
        const result = await connection.run('select count(*) from c');
        return Number((await result.fetchChunk())?.getColumns()[0]?.[0]);
      },
      close() {
        for (const own of connections) own.closeSync();
        close();
      },
    };
  },
};
