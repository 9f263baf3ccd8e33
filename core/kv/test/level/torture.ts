/** Kills, power cuts, rot, a full disk, failing syncs and renames, and missing descriptors for the log on LevelDB; each cycle checks what was promised. */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SeededRandom } from '@varve/conformance';
import { VarveError } from '@varve/interfaces';
import { LevelLog } from '../../src/log/level-log.js';
import { copyAfterPowerCut, flipBit } from './folder.js';
import { batchOf } from './history.mjs';

const child = fileURLToPath(new URL('child.mjs', import.meta.url));

/** What a child was promised. */
export interface Promised {
  readonly acknowledged: number;
  readonly folded: number;
  readonly errors: readonly string[];
}

/** How a writer ends, and what it has; without end and all by default. */
export interface WriterLimits {
  /** Bytes at which LevelDB's log rotates; 64 MiB by default. */
  readonly rotateBytes?: number;
  /** Commits that it writes. */
  readonly commits?: number;
  /** File descriptors that are free when it opens the log. */
  readonly descriptors?: number;
}

/** A log under torture: its folder of the moment and the file of acknowledgements. */
export class TorturedLog {
  readonly #root: string;
  readonly #random: SeededRandom;
  #life = 0;

  constructor(root: string, random: SeededRandom) {
    this.#root = root;
    this.#random = random;
    mkdirSync(this.folder);
  }

  get folder(): string {
    return join(this.#root, `log-${this.#life}`);
  }

  get #acknowledgements(): string {
    return join(this.#root, 'acknowledged');
  }

  promised(): Promised {
    const lines = existsSync(this.#acknowledgements)
      ? readFileSync(this.#acknowledgements, 'utf8').split('\n').slice(0, -1)
      : [];
    const highest = (kind: string): number =>
      Math.max(
        0,
        ...lines.filter((line) => line.startsWith(`${kind} `)).map((line) => Number(line.slice(2))),
      );
    const errors = lines.filter((line) => line.startsWith('e ')).map((line) => line.slice(2));
    return { acknowledged: highest('a'), folded: highest('f'), errors };
  }

  /** Writes for a while in another process and kills it. */
  async writeAndKill(): Promise<void> {
    const args = [child, this.folder, this.#acknowledgements, String(this.#random.below(1 << 30))];
    const before = existsSync(this.#acknowledgements) ? readFileSync(this.#acknowledgements).length : 0;
    const writer = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = new Promise<number | null>((resolve) => writer.once('exit', resolve));
    // It is killed while it writes, now and then while it opens, which it says: Node takes longer to start than a log.
    const sign = this.#random.oneIn(6) ? 's' : 'o';
    while (writer.exitCode === null && !saysSince(this.#acknowledgements, before, sign)) await pause(1);
    await pause(this.#random.below(120));
    writer.kill('SIGKILL');
    const code = await ended;
    if (code !== null) throw new Error(`the writer ended by itself with ${code}`);
  }

  /**
   * Writes under a command that makes system calls fail, until the writer gives up or has come to its last commit.
   *
   * @returns the codes of what was refused
   */
  writeUnder(
    command: readonly [program: string, ...args: string[]],
    limits: WriterLimits,
  ): readonly string[] {
    const { rotateBytes = 1 << 26, commits = Infinity, descriptors = Infinity } = limits;
    const before = this.promised();
    const [program, ...rest] = command;
    const last = before.acknowledged + commits;
    const numbers = [this.#random.below(1 << 30), rotateBytes, last, descriptors].map(String);
    const args = [...rest, process.execPath, child, this.folder, this.#acknowledgements, ...numbers];
    const run = spawnSync(program, args, {
      env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
      encoding: 'utf8',
      timeout: 120_000,
    });
    if (run.error !== undefined) throw run.error;
    if (run.status !== 0) throw new Error(`the writer ended with ${run.status}: ${run.stderr}`);
    return this.promised().errors.slice(before.errors.length);
  }

  losePower(): void {
    const from = this.folder;
    this.#life += 1;
    copyAfterPowerCut(from, this.folder, this.#random);
    rmSync(from, { recursive: true });
  }

  /** Opens a copy and checks it; the log itself stays as the fault left it. */
  async check(): Promise<void> {
    const copy = join(this.#root, 'copy');
    cpSync(this.folder, copy, { recursive: true });
    try {
      await checkLog(copy, this.promised());
    } finally {
      rmSync(copy, { recursive: true });
    }
  }

  /** Damages a copy; true when the damage was reported, false when nothing was amiss. Throws when it was silent. */
  async rot(): Promise<boolean> {
    const copy = join(this.#root, 'copy');
    cpSync(this.folder, copy, { recursive: true });
    const where = this.#random.oneIn(2) ? flipBit(copy, this.#random) : cutFile(copy, this.#random);
    try {
      await checkLog(copy, this.promised());
      return false;
    } catch (error) {
      const isReport =
        error instanceof VarveError && /^STORE_(?:DAMAGED|FOREIGN|NEWER_FORMAT)$/.test(error.code);
      if (!isReport) throw new Error(`silent after damage at ${where}: ${String(error)}`, { cause: error });
      return true;
    } finally {
      rmSync(copy, { recursive: true });
    }
  }
}

/** Everything promised is there, unchanged and without gaps. */
async function checkLog(folder: string, { acknowledged, folded }: Promised): Promise<void> {
  const log = new LevelLog(folder);
  await log.open();
  try {
    const catalogue = log.catalogue();
    let last = catalogue === undefined ? 0 : Number(Buffer.from(catalogue).toString());
    if (!(last >= folded)) throw new Error(`the catalogue says ${last}, ${folded} was acknowledged`);
    for await (const { sequence, batch } of log.replay()) {
      if (sequence !== last + 1) throw new Error(`commit ${sequence} follows commit ${last}`);
      if (!Buffer.from(batchOf(sequence)).equals(batch)) throw new Error(`commit ${sequence} is changed`);
      last = sequence;
    }
    if (last < acknowledged) throw new Error(`lost ${last + 1} to ${acknowledged}, which were acknowledged`);
  } finally {
    await log.close();
  }
}

function cutFile(folder: string, random: SeededRandom): string {
  const name = random.pick(readdirSync(folder));
  const path = join(folder, name);
  const bytes = readFileSync(path);
  const length = random.below(bytes.length + 1);
  // A file that lost its end, or whose end was never written.
  if (random.oneIn(2)) truncateSync(path, length);
  else writeFileSync(path, bytes.fill(0, length));
  return `${name} from ${length} on`;
}

/** Whether the file has a line of just `sign` behind its first `before` bytes. */
function saysSince(path: string, before: number, sign: string): boolean {
  return existsSync(path) && readFileSync(path, 'utf8').slice(before).split('\n').includes(sign);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
