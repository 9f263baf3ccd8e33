/** A fresh database of Varve, through its public API. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '@varve/pc';
import { answered } from '../subjects/varve.js';
import type { Store } from './check.js';

class RolledBack extends Error {}

/** Opens one in a temporary folder, which goes when it is closed. */
export async function openStore(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'varve-metamorphic-'));
  const database = await open(join(folder, 'db'), { threads: 2, allowedFolders: [folder] });
  const placed = (sql: string): string => sql.replaceAll("'@/", `'${folder}/`);
  return {
    ask: (sql) => answered(database, placed(sql)),
    async inTransaction(body) {
      const kept: Awaited<ReturnType<typeof body>>[] = [];
      try {
        await database.transaction(async (transaction) => {
          kept.push(await body((sql) => answered(transaction, placed(sql))));
          throw new RolledBack();
        });
      } catch (error) {
        if (!(error instanceof RolledBack)) throw error;
      }
      return kept[0] as Awaited<ReturnType<typeof body>>;
    },
    async close() {
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
