/**
 * A disk in memory that forgets what was not synced.
 *
 * Every file has two contents: what reads see, and what is on the platter. Power loss leaves the platter, and of the
 * unsynced rest any sectors, whole, torn or as garbage. A failed sync behaves as Linux does: the pages that it was to
 * write are dropped, and a later sync that succeeds does not bring them back.
 *
 * Source of the fault model: "Can Applications Recover from fsync Failures?", USENIX ATC 2020, section 3.
 */
import { type Disk, type ErrorCode, VarveError } from '@varve/interfaces';
import type { SeededRandom } from './seeded-random.js';

/** What can be made to fail. */
export type DiskOperation = 'read' | 'append' | 'sync' | 'replace' | 'remove' | 'list';

interface File {
  /** What reads see. */
  bytes: Uint8Array;
  /** What is on the platter; undefined when the file's name is not durable. */
  durable: Uint8Array | undefined;
}

const sectorBytes = 512;

/** A disk for tests; paths are compared as they are, with no notion of `.` or `..`. */
export class SimulatedDisk implements Disk {
  readonly #files = new Map<string, File>();
  readonly #failures: { operation: DiskOperation; code: ErrorCode; inCalls: number }[] = [];
  readonly #byteCountMax: number;
  #hasPower = true;
  syncCount = 0;

  /** @param byteCountMax size of the disk; writes beyond it answer `STORE_FULL` */
  constructor({ byteCountMax = Number.POSITIVE_INFINITY }: { readonly byteCountMax?: number } = {}) {
    this.#byteCountMax = byteCountMax;
  }

  async read(
    path: string,
    { byteCountMax }: { readonly byteCountMax: number },
  ): Promise<Uint8Array | undefined> {
    this.#enter('read');
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    if (file.bytes.length > byteCountMax) {
      const message = `${path}: ${file.bytes.length} bytes are over the limit of ${byteCountMax}`;
      throw new VarveError('LIMIT_EXCEEDED', { message });
    }
    return file.bytes.slice();
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    this.#enter('append');
    const file = this.#files.get(path) ?? { bytes: new Uint8Array(), durable: undefined };
    this.#reserve(bytes.length);
    file.bytes = concatenated(file.bytes, bytes);
    this.#files.set(path, file);
  }

  async sync(path: string): Promise<void> {
    const file = this.#files.get(path);
    const durable = file?.durable ?? new Uint8Array();
    try {
      this.#enter('sync');
    } catch (error) {
      if (file !== undefined) {
        file.durable = concatenated(durable, new Uint8Array(file.bytes.length - durable.length));
      }
      throw error;
    }
    if (file === undefined) {
      throw new VarveError('STORE_IO', { message: `cannot sync ${path}: there is no such file` });
    }
    file.durable = concatenated(durable, file.bytes.subarray(durable.length));
    this.syncCount += 1;
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    this.#enter('replace');
    this.#reserve(bytes.length - (this.#files.get(path)?.bytes.length ?? 0));
    this.#files.set(path, { bytes: bytes.slice(), durable: bytes.slice() });
    this.syncCount += 1;
  }

  async remove(path: string): Promise<void> {
    this.#enter('remove');
    this.#files.delete(path);
  }

  async list(folder: string): Promise<readonly string[]> {
    this.#enter('list');
    return [...this.#files.keys()]
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.slice(folder.length + 1))
      .filter((name) => !name.includes('/'))
      .toSorted();
  }

  /**
   * The power goes: what was not synced is dropped, torn or turned into garbage, sector by sector.
   *
   * @returns the disk as the next start finds it; this one refuses every call from now on
   */
  losePower(random: SeededRandom): SimulatedDisk {
    const after = new SimulatedDisk({ byteCountMax: this.#byteCountMax });
    for (const [path, { bytes, durable }] of this.#files) {
      if (durable === undefined && random.oneIn(2)) continue;
      const kept = durable ?? new Uint8Array();
      const found = concatenated(kept, torn(bytes.subarray(kept.length), random));
      after.#files.set(path, { bytes: found, durable: found });
    }
    this.#hasPower = false;
    return after;
  }

  /** Flips one bit of a stored file. @returns where, or undefined when nothing is stored */
  flipBit(random: SeededRandom): { readonly path: string; readonly offset: number } | undefined {
    const stored = [...this.#files].filter(([, { bytes }]) => bytes.length > 0);
    if (stored.length === 0) return undefined;
    const [path, file] = random.pick(stored);
    const offset = random.below(file.bytes.length);
    file.bytes[offset] = (file.bytes[offset] ?? 0) ^ (1 << random.below(8));
    file.durable = file.bytes.slice();
    return { path, offset };
  }

  /** Makes a coming call of `operation` fail, the next one unless `inCalls` says which. */
  fail(
    operation: DiskOperation,
    { code = 'STORE_IO', inCalls = 1 }: { readonly code?: ErrorCode; readonly inCalls?: number } = {},
  ): void {
    this.#failures.push({ operation, code, inCalls });
  }

  #enter(operation: DiskOperation): void {
    if (!this.#hasPower) throw new VarveError('STORE_IO', { message: `${operation} failed: no power` });
    for (const failure of this.#failures) {
      if (failure.operation !== operation) continue;
      failure.inCalls -= 1;
      if (failure.inCalls > 0) continue;
      this.#failures.splice(this.#failures.indexOf(failure), 1);
      throw new VarveError(failure.code, { message: `${operation} failed: planted by the simulated disk` });
    }
  }

  #reserve(byteCount: number): void {
    let used = byteCount;
    for (const { bytes } of this.#files.values()) used += bytes.length;
    if (used > this.#byteCountMax) {
      throw new VarveError('STORE_FULL', { message: `the simulated disk holds ${this.#byteCountMax} bytes` });
    }
  }
}

/** Any part of `bytes` that may have reached the platter. */
function torn(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const left = bytes.slice(0, random.below(bytes.length + 1));
  for (let start = 0; start < left.length; start += sectorBytes) {
    const sector = left.subarray(start, start + sectorBytes);
    const fate = random.below(4);
    if (fate === 0) sector.fill(0);
    else if (fate === 1) random.fill(sector);
  }
  return left;
}

function concatenated(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}
