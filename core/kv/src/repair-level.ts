/**
 * Salvages a store whose log is `level`, in place, and says exactly what is gone.
 *
 * A store that opens and verifies is left alone. Otherwise the records that prove themselves are read from the log's
 * files, the engine keeps or rewrites the segments and folds the commits into one more, and a new log that holds
 * nothing but the catalogue takes the place of the damaged one. LevelDB only ever opens copies: it removes what it
 * cannot read. Nothing is removed before the new log is live, so a crash in the middle only means repairing again.
 */
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import type { Damage, RepairReport, VarveError } from '@varve/interfaces';
import { binding, type FoundCommits, unwrap } from '@varve/native-embedded';
import { levelError } from './log/level-errors.js';
import { LevelLog } from './log/level-log.js';
import { finishReplacement, logFolders, makeLog, removeRemains, replaceLog } from './log/replace-log.js';
import { type FoundLog, salvageLog } from './log/salvage-log.js';
import { repairReportOf } from './report.js';

/**
 * @throws VarveError `STORE_LOCKED`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`, and those of the disk; the store still holds
 *   everything that it held before
 */
export async function repairLevelStore(location: string): Promise<RepairReport> {
  const lock = unwrap(await binding.lockStore(location, false));
  try {
    finishReplacement(location);
    removeRemains(location);
    const { found, damage } = await readLog(location);
    const isSound = damage.length === 0;
    const { report, catalogue, foldedSequence } = unwrap(await lock.salvage(packed(found, isSound)));
    if (catalogue !== undefined) {
      await makeLog(location, { catalogue, folded: foldedSequence }).catch((error: unknown) => {
        lock.discard();
        throw error;
      });
      // From here on a failure leaves open which log is live.
      replaceLog(location);
    }
    const { damage: alsoDamaged, ...rest } = repairReportOf(report);
    return { ...rest, damage: [...damage, ...alsoDamaged] };
  } finally {
    lock.release();
  }
}

/** What the log holds, and what is wrong with it. */
async function readLog(
  location: string,
): Promise<{ readonly found: FoundLog; readonly damage: readonly Damage[] }> {
  const { log, scratch } = logFolders(location);
  try {
    await (existsSync(log) ? cp(log, scratch, { recursive: true }) : mkdir(scratch));
    return { found: await replayed(scratch), damage: [] };
  } catch (cause) {
    const error = levelError(`cannot copy ${log}`, cause);
    if (error.code !== 'STORE_DAMAGED' && error.code !== 'STORE_FOREIGN') throw error;
    const found = salvageLog(log);
    if (found === undefined && !hasSegments(location)) throw error;
    const nothing = { catalogue: undefined, commits: [], known: 0 };
    return { found: found ?? nothing, damage: [damageOf(error, scratch)] };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Everything that the log in `folder` holds, as its owner would read it. */
async function replayed(folder: string): Promise<FoundLog> {
  const log = new LevelLog(folder);
  await log.open();
  try {
    const commits = [];
    for await (const { sequence, batch } of log.replay()) commits.push({ sequence, batch: batch.slice() });
    return { catalogue: log.catalogue(), commits, known: log.stats().sequence };
  } finally {
    await log.close();
  }
}

function hasSegments(location: string): boolean {
  return readdirSync(location).some((name) => /^segment-.*\.vseg$/.test(name));
}

function packed({ catalogue, commits, known }: FoundLog, isSound: boolean): FoundCommits {
  let end = 0;
  const ends = commits.map(({ batch }) => {
    end += batch.length;
    return end;
  });
  return {
    sequences: Float64Array.from(commits, ({ sequence }) => sequence),
    ends: Float64Array.from(ends),
    batches: Buffer.concat(commits.map(({ batch }) => batch)),
    known,
    isSound,
    ...(catalogue === undefined ? {} : { catalogue }),
  };
}

/** The place that an error of the log in `folder` names, inside the store's directory. */
function damageOf({ message }: VarveError, folder: string): Damage {
  const rest = message.slice(message.indexOf(folder) + folder.length);
  const [place = '', name = '', offset = '0'] = /^(\/[^,: ]+)?(?:, offset (\d+))?: /.exec(rest) ?? [];
  const what = rest.slice(place.length).replaceAll(folder, 'log');
  return { file: `log${name}`, offset: Number(offset), what };
}
