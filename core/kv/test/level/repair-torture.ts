/**
 * The torture of repair: a random history, one random damage, then a judgement of reads, of the repair's report and of
 * what the repaired store holds; over and over on the same store.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { SeededRandom } from '@varve/conformance';
import { type PackedOperation, type RepairReport, VarveError } from '@varve/interfaces';
import { repairStore, VarveStore } from '@varve/kv';
import { copyAfterPowerCut, copyAtOnce } from './folder.js';

type Contents = Map<string, string>;
type Operations = { readonly key: string; readonly value: string | undefined }[];

/** What a damage hit, and what it was. */
interface Damaged {
  readonly kind: 'log' | 'segment' | 'both';
  readonly what: string;
}

/** Damages a store `cycles` times. @returns how often the damage was reported */
export async function repairTorture(root: string, random: SeededRandom, cycles: number): Promise<number> {
  let reported = 0;
  let store = new TorturedStore(join(root, '0'), random);
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    if (random.oneIn(6)) {
      store.remove();
      store = new TorturedStore(join(root, String(cycle + 1)), random);
    }
    await store.work();
    const damage = damageOne(store.location, random);
    try {
      reported += (await store.judge(damage)) ? 1 : 0;
    } catch (cause) {
      throw new Error(`cycle ${cycle}, ${damage.what}: ${String(cause)}`, { cause });
    }
  }
  store.remove();
  return reported;
}

class TorturedStore {
  location: string;
  readonly #random: SeededRandom;
  /** What the store must hold. */
  #truth: Contents = new Map();
  /** What each commit did. */
  readonly #commits = new Map<number, Operations>();
  /** Every value that a key ever had. */
  readonly #ever = new Map<string, Set<string>>();
  #values = 0;
  #lives = 0;

  constructor(location: string, random: SeededRandom) {
    this.location = location;
    this.#random = random;
    mkdirSync(location, { recursive: true });
  }

  remove(): void {
    rmSync(this.location, { recursive: true });
  }

  /** Writes, folds, merges, reopens, loses power; the store is at rest then, and `#truth` what it holds. */
  async work(): Promise<void> {
    const random = this.#random;
    let db = await this.#open();
    for (let rounds = 1 + random.below(5); rounds > 0; rounds -= 1) {
      await this.#write(db, 1 + random.below(random.oneIn(4) ? 120 : 12));
      if (random.oneIn(4)) await db.flush();
      if (random.oneIn(9)) await db.compact();
      if (random.oneIn(6)) {
        await db.close();
        db = await this.#open();
      }
      if (random.oneIn(8)) db = await this.#losePower(db);
    }
    if (random.oneIn(3)) {
      // Killed behind a synced write: the mark is in the page cache.
      await this.#commit(db, 'synced');
      await db.flush();
      await this.#commit(db, 'synced');
      this.#move((to) => copyAtOnce(this.location, to));
    }
    await db.close();
  }

  /** Judges the damaged store, repairs it and judges the outcome. @returns whether damage was reported */
  async judge(damage: Damaged): Promise<boolean> {
    const isRead = this.#random.oneIn(2) && (await this.#reads());
    const report = await repairStore(this.location);
    const db = await this.#open();
    const found = await contentsOf(db);
    const { damage: left } = await db.verify();
    if (left.length > 0) throw new Error(`after repair verify finds ${JSON.stringify(left)}`);
    this.#judgeReport(report, found, damage, isRead === true);
    const sequence = db.stats().sequence;
    for (const commit of this.#commits.keys()) if (commit > sequence) this.#commits.delete(commit);
    await db.close();
    const again = await repairStore(this.location);
    if (again.damage.length > 0) throw new Error(`a second repair finds ${claim(again)}`);
    this.#truth = found;
    return report.damage.length > 0;
  }

  /** True when everything reads rightly, false when a damage is reported. */
  async #reads(): Promise<boolean> {
    try {
      const db = await this.#open();
      try {
        const found = await contentsOf(db);
        const wrong = differences(this.#truth, found);
        if (wrong.length > 0) throw new Error(`SILENT: ${wrong.join()} read wrongly`);
        return (await db.verify()).damage.length === 0;
      } finally {
        await db.close();
      }
    } catch (error) {
      const cause = codeOf(error) ?? codeOf((error as Error).cause);
      if (cause === undefined || !/^STORE_(?:DAMAGED|FOREIGN|NEWER_FORMAT)$/.test(cause)) throw error;
      return false;
    }
  }

  #judgeReport(report: RepairReport, found: Contents, { kind }: Damaged, isRead: boolean): void {
    if (report.damage.length === 0 || isRead) {
      if (report.lostKeys.length + report.lostSequences.length > 0) {
        throw new Error(`a store without damage claims ${claim(report)}`);
      }
    }
    const isExcessive =
      (kind === 'log' && report.lostKeys.length > 0) ||
      (kind === 'segment' && report.lostSequences.length > 0);
    if (isExcessive) throw new Error(`damage of the ${kind} claims ${claim(report)}`);
    const excused = new Set<string>();
    for (const [commit, operations] of this.#commits) {
      if (report.lostSequences.some(([first, last]) => first <= commit && commit <= last)) {
        for (const { key } of operations) excused.add(key);
      }
    }
    for (const key of differences(this.#truth, found)) {
      const at = Buffer.from(key);
      const isInRange = report.lostKeys.some(
        ([low, high]) => Buffer.compare(low, at) <= 0 && Buffer.compare(at, high) <= 0,
      );
      if (!isInRange && !excused.has(key)) throw new Error(`${key} changed too; claimed: ${claim(report)}`);
      const value = found.get(key);
      if (value !== undefined && this.#ever.get(key)?.has(value) !== true) {
        throw new Error(`${key} has a value that was never written`);
      }
    }
  }

  async #open(): Promise<VarveStore> {
    const db = new VarveStore(this.location, { log: 'level', memtableBytes: 64 << 10, control: 'off' });
    await db.open();
    return db;
  }

  async #write(db: VarveStore, commits: number): Promise<void> {
    const writes: Promise<void>[] = [];
    for (let commit = 0; commit < commits; commit += 1) {
      const write = this.#commit(db, this.#random.oneIn(3) ? 'fast' : 'synced');
      if (this.#random.oneIn(2)) await write;
      else writes.push(write);
    }
    await Promise.all(writes);
  }

  async #commit(db: VarveStore, durability: 'synced' | 'fast'): Promise<void> {
    const operations: Operations = Array.from({ length: 1 + this.#random.below(4) }, () => {
      const key = `key ${String(this.#random.below(400)).padStart(3, '0')}`;
      this.#values += 1;
      const value = `${this.#values} `.repeat(this.#random.below(this.#random.oneIn(30) ? 9000 : 150));
      return { key, value: this.#random.oneIn(6) ? undefined : `${this.#values} ${value}` };
    });
    for (const { key, value } of operations) {
      if (value === undefined) this.#truth.delete(key);
      else {
        this.#truth.set(key, value);
        this.#ever.set(key, (this.#ever.get(key) ?? new Set()).add(value));
      }
    }
    const { sequence } = await db.commit(operations.map(packed), { durability });
    this.#commits.set(sequence, operations);
  }

  /** What is left when the power goes; then the truth is what the store says. */
  async #losePower(db: VarveStore): Promise<VarveStore> {
    await db.flush();
    await Promise.all(Array.from({ length: 1 + this.#random.below(20) }, () => this.#commit(db, 'fast')));
    this.#move((to) => {
      copyAtOnce(this.location, to, (from) => relative(this.location, from) !== 'log');
      copyAfterPowerCut(join(this.location, 'log'), join(to, 'log'), this.#random);
    }, db);
    const again = await this.#open();
    this.#truth = await contentsOf(again);
    for (const commit of this.#commits.keys()) {
      if (commit > again.stats().sequence) this.#commits.delete(commit);
    }
    return again;
  }

  /** Goes on in a copy that `copy` makes. */
  #move(copy: (to: string) => void, left?: VarveStore): void {
    this.#lives += 1;
    const from = this.location;
    const to = join(dirname(from), `${from.slice(dirname(from).length + 1)}-${this.#lives}`);
    copy(to);
    this.location = to;
    void left?.close();
  }
}

function packed({ key, value }: Operations[number]): PackedOperation {
  const name = Buffer.from(key);
  return value === undefined
    ? { type: 'del', key: name }
    : { type: 'put', key: name, value: Buffer.from(value) };
}

async function contentsOf(db: VarveStore): Promise<Contents> {
  return new Map(await db.iterator().all());
}

function differences(one: Contents, other: Contents): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((key) => one.get(key) !== other.get(key));
}

function codeOf(error: unknown): string | undefined {
  return error instanceof VarveError ? error.code : undefined;
}

function claim({ damage, lostSequences, lostKeys }: RepairReport): string {
  const keys = lostKeys.map(
    ([low, high]) => `${Buffer.from(low).toString()}..${Buffer.from(high).toString()}`,
  );
  return JSON.stringify({ lostSequences, keys, damage });
}

/** Damages one file of the store, or lets two change places. */
function damageOne(location: string, random: SeededRandom): Damaged {
  const files = ['', 'log'].flatMap((folder) =>
    readdirSync(join(location, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && !/^(?:LOCK|LOG.*|.*\.jsonl)$/.test(entry.name))
      .map((entry) => join(folder, entry.name)),
  );
  const name = random.pick(files);
  const path = join(location, name);
  const bytes = readFileSync(path);
  const kind = dirname(name) === 'log' ? 'log' : 'segment';
  switch (random.below(8)) {
    case 0:
      rmSync(path);
      return { kind, what: `${name} removed` };
    case 1: {
      const length = random.below(bytes.length + 1);
      writeFileSync(path, bytes.subarray(0, length));
      return { kind, what: `${name} of ${bytes.length} bytes cut at ${length}` };
    }
    case 2: {
      const other = random.pick(files);
      writeFileSync(path, readFileSync(join(location, other)));
      writeFileSync(join(location, other), bytes);
      const isOneKind = dirname(other) === dirname(name);
      return { kind: isOneKind ? kind : 'both', what: `${name} and ${other} changed places` };
    }
    case 3: {
      const at = placeIn(bytes, random) & ~511;
      bytes.fill(0, at, Math.min(at + 512, bytes.length));
      writeFileSync(path, bytes);
      return { kind, what: `${name} with zeros from ${at}` };
    }
    default: {
      const at = placeIn(bytes, random);
      if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      writeFileSync(path, bytes);
      return { kind, what: `${name} flipped at ${at} of ${bytes.length}` };
    }
  }
}

/** A place where something is stored, most often. */
function placeIn(bytes: Buffer, random: SeededRandom): number {
  const stored = bytes.findLastIndex((byte) => byte !== 0) + 1;
  return random.below(Math.max(1, random.oneIn(8) ? bytes.length : stored));
}
