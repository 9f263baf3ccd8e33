/** What `varve sql` is pointed at: a database, one file as a view, or nothing but memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { SqlEngine } from '@varve/interfaces';
import { quotedName } from './completion.js';
import type { CliOpenOptions, CliWorld } from './world.js';

/** An open database, and how to let go of it. */
export interface Target {
  readonly engine: SqlEngine;
  /** The view that stands for a file. */
  readonly view?: string;
  readonly close: () => Promise<void>;
}

const fileEndings = new Set([
  '.parquet',
  '.csv',
  '.tsv',
  '.json',
  '.jsonl',
  '.ndjson',
  '.arrow',
  '.feather',
  '.ipc',
]);

/** Opens a target. A file, or none, gets a database in a temporary folder that goes with it. */
export async function openTarget(
  world: CliWorld,
  path: string | undefined,
  options: CliOpenOptions,
): Promise<Target> {
  const isFile = path !== undefined && fileEndings.has(extname(path).toLowerCase());
  if (path !== undefined && !isFile) {
    const engine = await world.openSql(path, options);
    return { engine, close: () => engine.close() };
  }
  const folder = await mkdtemp(join(tmpdir(), 'varve-sql-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const file = path === undefined ? undefined : resolve(path);
    const own = file === undefined ? [] : [dirname(file)];
    const { allowedFolders = [], memoryBytes } = options;
    const engine = await world.openSql(join(folder, 'db'), {
      allowedFolders: [...allowedFolders, ...own],
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    });
    const close = async (): Promise<void> => {
      try {
        await engine.close();
      } finally {
        await remove();
      }
    };
    if (file === undefined) return { engine, close };
    return { engine, close, view: await viewOf(engine, file, close) };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A view named after the file, so that it reads as a table. */
async function viewOf(engine: SqlEngine, file: string, close: () => Promise<void>): Promise<string> {
  const view = basename(file, extname(file));
  try {
    await engine.query(`CREATE VIEW ${quotedName(view)} AS SELECT * FROM '${file.replaceAll("'", "''")}'`);
  } catch (error) {
    await close();
    throw error;
  }
  return view;
}
