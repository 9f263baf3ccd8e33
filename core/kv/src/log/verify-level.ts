/** Reads every record of commits that LevelDB holds, and checks each as a replay would. */
import type { Damage } from '@varve/interfaces';
import { commitsKey, decodeCommits } from './log-record.js';
import type { OpenedLevel } from './open-level.js';

/** What was read and found. LevelDB does not tell where a record lies: the offset of its damage is 0. */
export interface LogVerifyReport {
  readonly logRecords: number;
  readonly damage: readonly Damage[];
}

const range = { gte: commitsKey(0), lte: Buffer.concat([Buffer.from('C'), Buffer.alloc(8, 0xff)]) };

/** Cost: one pass over the records; what is appended meanwhile is not read. */
export async function verifyLevel({ db, mark }: OpenedLevel): Promise<LogVerifyReport> {
  const damage: Damage[] = [];
  let logRecords = 0;
  try {
    for await (const [key, value] of db.iterator(range)) {
      logRecords += 1;
      if (decodeCommits(mark.id, key, value) !== undefined) continue;
      damage.push({ file: 'log', offset: 0, what: `record ${logRecords} fails its checksum` });
    }
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    damage.push({
      file: 'log',
      offset: 0,
      what: `LevelDB cannot read on behind record ${logRecords}: ${what}`,
    });
  }
  return { logRecords, damage };
}
