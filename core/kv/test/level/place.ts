/** The `level` log as the conformance suite needs it, with its faults. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogFactory, LogPlace, SeededRandom } from '@varve/conformance';
import type { Durability, LoggedCommit } from '@varve/interfaces';
import { ClassicLevel } from 'classic-level';
import { LevelLog } from '../../src/log/level-log.js';
import type { LevelLogOptions } from '../../src/log/level-options.js';
import { copyAfterPowerCut, flipBit } from './folder.js';

interface WithBatch {
  _batch: (this: void, operations: unknown, options: unknown) => Promise<void>;
}

/** Makes LevelDB's next write fail as it does when the disk reports an error. */
function failNextBatch(): void {
  const database = ClassicLevel.prototype as unknown as WithBatch;
  const own = database._batch;
  database._batch = () => {
    database._batch = own;
    return Promise.reject(new Error('IO error: 000003.log: Input/output error'));
  };
}

/** A log whose process is gone from some moment on: what LevelDB still does then is acknowledged to nobody. */
class MortalLog extends LevelLog {
  isGone = false;

  override append(commit: LoggedCommit, durability: Durability): Promise<Durability> {
    return this.#whileAlive(super.append(commit, durability));
  }

  override fold(catalogue: Uint8Array, foldedSequence: number): Promise<void> {
    return this.#whileAlive(super.fold(catalogue, foldedSequence));
  }

  async #whileAlive<T>(call: Promise<T>): Promise<T> {
    const answer = await call;
    if (this.isGone) throw new Error('the power is gone');
    return answer;
  }
}

/** Places below `root`; `options` go to every log. */
export function levelLogFactory(root: string, options: LevelLogOptions = {}): LogFactory {
  let places = 0;
  return {
    supports: { losePower: true, failSync: true, flipBit: true },
    async place(): Promise<LogPlace> {
      const home = join(root, String(++places));
      mkdirSync(home);
      let life = 0;
      let log: MortalLog | undefined;
      let staleMark: Buffer | undefined;
      const folder = (): string => join(home, String(life));
      return {
        create: () => {
          const mark = join(folder(), 'MARK');
          staleMark = existsSync(mark) ? readFileSync(mark) : undefined;
          log = new MortalLog(folder(), options);
          return log;
        },
        losePower: async (random: SeededRandom) => {
          if (log !== undefined) log.isGone = true;
          const from = folder();
          life += 1;
          copyAfterPowerCut(from, folder(), random, staleMark);
          await log?.close();
        },
        failSync: failNextBatch,
        flipBit: async (random: SeededRandom) => flipBit(folder(), random),
      };
    },
  };
}
