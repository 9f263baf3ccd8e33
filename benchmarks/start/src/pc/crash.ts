/** A process that dies in the middle of a commit, and what the next one finds. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { open, type PcDatabase } from '@varve/pc';

/** Compiled, also where tests load this module as it is written. */
const child = fileURLToPath(new URL('../../dist/pc/crash.child.js', import.meta.url));

/** What came of it. */
export interface Crash {
  /** Commits that the process heard of before it died. */
  readonly acknowledged: number;
  /** Commits that are there: as many, or one more that was on disk before its promise could resolve. */
  readonly found: number;
  /** Rows that each of them changed. */
  readonly rowsPerCommit: number;
  /** From opening the database that was left to the first answer. */
  readonly recoveryMs: number;
}

/** Makes the table that counts the commits. */
export async function prepareCrash(db: PcDatabase): Promise<void> {
  await db.query('create table commits (number bigint primary key)');
}

/** One commit over two tables. */
export function commitOnce(db: PcDatabase, number: number): Promise<void> {
  return db.transaction(async (tx) => {
    await tx.query(`update flights set delay = delay + 1 where origin = 'SEA'`);
    await tx.query('insert into commits values ($1)', [number]);
  });
}

/**
 * Lets a process commit, kills it after `milliseconds`, and looks at what it left.
 *
 * @param folder of a database that nobody has open
 * @throws Error when an acknowledged commit is gone, or one is there by half
 */
export async function crash(folder: string, milliseconds: number): Promise<Crash> {
  const before = await look(folder);
  const { acknowledged, signal } = await runChild(folder, milliseconds);
  if (signal !== 'SIGKILL') throw new Error('the process that was to be killed ended by itself');
  const start = performance.now();
  const after = await look(folder);
  const recoveryMs = performance.now() - start;
  const found = after.commits - before.commits;
  if (found < acknowledged || found > acknowledged + 1)
    throw new Error(`${acknowledged} commits were acknowledged, and ${found} are there`);
  const changed = after.delays - before.delays;
  if (changed !== found * before.rows)
    throw new Error(`${found} commits of ${before.rows} minutes each are there, but ${changed} minutes`);
  return { acknowledged, found, rowsPerCommit: before.rows, recoveryMs };
}

async function runChild(folder: string, milliseconds: number) {
  const process_ = spawn(process.execPath, [child, folder, String(milliseconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    process_.on('error', reject);
    process_.on('close', (_, signal) => resolve(signal));
  });
  const acknowledged = (await text(process_.stdout)).split('\n').length - 1;
  return { acknowledged, signal: await ended };
}

/** What there is: commits, rows that each changes, and the sum that they raise. */
async function look(folder: string) {
  const db = await open(folder, { createIfMissing: false, int64: 'number' });
  try {
    const [row] = await db
      .query<{ commits: number; rows: number; delays: number }>(
        `select (select count(*) from commits) as commits, count(*) as rows, sum(delay) as delays
         from flights where origin = 'SEA'`,
      )
      .rows();
    if (row === undefined) throw new Error('a count has no row');
    return row;
  } finally {
    await db.close();
  }
}
