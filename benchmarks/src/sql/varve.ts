/**
 * Varve's SQL. The package is looked for when the suite runs: without it the rivals are measured alone and every goal
 * stays unmeasured. What this file says of its calls is all that the suite knows of them.
 */
import { dirname } from 'node:path';
import type { AppendColumns, SqlParameter, SqlParameters, SqlRow } from '@varve/interfaces';
import { type SqlEngine, type SqlEngineKind, threadCount } from './engine.js';
import { piecesOfIpc } from './polars.js';

/** An answer, read once in one of its forms. */
export interface VarveResult {
  batches(): AsyncIterable<{ readonly rowCount: number }>;
  /** A stream of Arrow IPC. */
  arrow(): Promise<Uint8Array>;
  rows(): Promise<SqlRow[]>;
}

/** What the suite asks of `SqlEngine`, and two calls that a tier may lack. */
export interface VarveDatabase {
  query(sql: string, params?: SqlParameters): VarveResult;
  prepare(sql: string): Promise<{ query(params?: SqlParameters): VarveResult }>;
  append(table: string, columns: AppendColumns): Promise<number>;
  get(table: string, key: SqlParameter): SqlRow | undefined;
  /** Lets adaptive compression and sorting do all that they find worth doing. */
  adapt?(): Promise<unknown>;
  /** Folds everything into segments and waits for it. */
  compact?(): Promise<unknown>;
  close(): Promise<void>;
}

export interface VarveSql {
  open(
    folder: string,
    options?: {
      readonly threads?: number;
      readonly memoryBytes?: number;
      readonly allowedFolders?: readonly string[];
    },
  ): Promise<VarveDatabase>;
}

/**
 * The tier that has SQL; undefined while the workspace has none.
 *
 * @param name of its package, no literal in the import: the compiler would ask for its types
 */
export async function findVarve(name: string = '@varve/pc'): Promise<VarveSql | undefined> {
  try {
    return (await import(name)) as VarveSql;
  } catch (error) {
    if ((error as { readonly code?: string }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Varve as an engine of the suite: none or one. */
export async function varveKinds(): Promise<readonly SqlEngineKind[]> {
  const sql = await findVarve();
  return sql === undefined ? [] : [varveKind(sql, 'varve')];
}

/** What helps a scan of a table: zone maps alone if nothing is said. */
interface Help {
  /** Lists of columns, each with a secondary index, by table. */
  readonly indexes?: Readonly<Record<string, readonly string[]>>;
  /** Rows lie in an order in which zone maps rule nothing out. */
  readonly shuffled?: boolean;
}

export function varveKind(
  sql: VarveSql,
  name: string,
  { indexes = {}, shuffled = false }: Help = {},
): SqlEngineKind {
  const order = shuffled ? ' order by random()' : '';
  const apart = [...(shuffled ? ['shuffled'] : []), ...(Object.keys(indexes).length > 0 ? ['indexes'] : [])];
  return {
    name,
    store: ['varve', ...apart].join(', '),
    async load(folder, tables) {
      const allowedFolders = [...new Set(tables.map((table) => dirname(table.file)))];
      const database = await sql.open(folder, { threads: threadCount, allowedFolders });
      for (const table of tables) {
        const file = table.file.replaceAll("'", "''");
        await finish(database.query(`create table ${table.name} as select * from '${file}'${order}`));
        for (const [i, columns] of (indexes[table.name] ?? []).entries())
          await finish(database.query(`create index ${table.name}_${i + 1} on ${table.name} (${columns})`));
      }
      await database.compact?.();
      await database.close();
    },
    async open(folder, { memoryBytes } = {}) {
      const database = await sql.open(folder, {
        threads: threadCount,
        ...(memoryBytes === undefined ? {} : { memoryBytes }),
      });
      return engine(name, database);
    },
  };
}

function engine(name: string, database: VarveDatabase): SqlEngine {
  return {
    name,
    run: ({ sql }) => finish(database.query(sql)),
    async *answer({ sql }) {
      const { buffer, byteOffset, byteLength } = await database.query(sql).arrow();
      yield* piecesOfIpc(Buffer.from(buffer, byteOffset, byteLength));
    },
    close: () => database.close(),
  };
}

/** Takes in a whole result. @returns its rows */
export async function finish(result: VarveResult): Promise<number> {
  let rows = 0;
  for await (const { rowCount } of result.batches()) rows += rowCount;
  return rows;
}
