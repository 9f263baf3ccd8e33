/**
 * The chain of records as it stands on the disk: numbers, checksums, what is folded, what is proven durable.
 *
 * Encodes what comes next and takes it up once it is written; it writes nothing itself. Each record of commits names
 * the checksum of the one before it, and the catalogue that of the last one it drops.
 */
import type { HighWaterMark, Proven } from './high-water-mark.js';
import { encodeCatalogue, encodeCommits } from './log-record.js';
import type { OpenedLevel } from './open-level.js';
import type { KeptRecord, LogEnd } from './replay-level.js';
import type { WaitingCommit, WaitingFold } from './waiting-writes.js';

/** A record of commits that is to be written. */
export interface NextCommits extends KeptRecord {
  readonly bytes: Uint8Array;
}

/** A catalogue that is to be written. */
export interface NextCatalogue {
  readonly bytes: Uint8Array;
  readonly catalogue: Uint8Array;
  /** Records that hold nothing behind what it folds. */
  readonly dropped: number;
}

export class RecordChain {
  readonly #id: Uint8Array;
  #catalogue: Uint8Array | undefined;
  #generation: number;
  #written: number;
  /** Checksum of the last record. */
  #crc = 0;
  #synced: number;
  /** Checksum of the record that ends with `#synced`. */
  #syncedCrc: number;
  /** Checksum of the last record that is dropped whole. */
  #droppedCrc: number;
  /** Records that are not folded, oldest first. */
  readonly kept: KeptRecord[] = [];
  /** First commits of dropped records that LevelDB still holds. */
  readonly dropped: number[] = [];

  constructor({ mark, catalogue }: OpenedLevel) {
    this.#id = mark.id;
    this.#catalogue = catalogue?.catalogue;
    this.#generation = catalogue?.generation ?? 1;
    this.#written = catalogue?.folded ?? 0;
    this.#droppedCrc = catalogue?.previous ?? 0;
    this.#synced = mark.proven.synced;
    this.#syncedCrc = mark.proven.crc;
  }

  get catalogue(): Uint8Array | undefined {
    return this.#catalogue;
  }

  /** Last commit written. */
  get written(): number {
    return this.#written;
  }

  /** Last commit that survives power loss. */
  get synced(): number {
    return this.#synced;
  }

  /** A replay gave out `sequence`. */
  replayed(sequence: number): void {
    this.#written = sequence;
  }

  /** A replay came to the end. */
  endAt({ last, crc, dropped }: LogEnd): void {
    this.#written = last;
    this.#crc = crc;
    this.dropped.push(...dropped);
  }

  /** The record of `group`; undefined when the group is empty. */
  nextCommits(group: readonly WaitingCommit[]): NextCommits | undefined {
    if (group.length === 0) {
      return undefined;
    }
    const first = this.#written + 1;
    const record = encodeCommits(
      this.#id,
      {
        previous: this.#crc,
        commits: group.length,
        first,
        synced: this.#synced,
        generation: this.#generation,
      },
      group.map((waiting) => waiting.batch),
    );
    return { ...record, first, last: this.#written + group.length };
  }

  commitsWritten({ first, last, crc }: NextCommits): void {
    this.#crc = crc;
    this.#written = last;
    this.kept.push({ first, last, crc });
  }

  nextCatalogue({ catalogue, folded }: WaitingFold): NextCatalogue {
    const end = this.kept.findIndex((kept) => kept.last > folded);
    const dropped = end < 0 ? this.kept.length : end;
    const bytes = encodeCatalogue(this.#id, {
      generation: this.#generation + 1,
      folded,
      synced: this.#synced,
      previous: this.#crcBehind(dropped),
      catalogue,
    });
    return { bytes, catalogue, dropped };
  }

  catalogueWritten({ catalogue, dropped }: NextCatalogue): void {
    this.#generation += 1;
    this.#catalogue = catalogue;
    this.#droppedCrc = this.#crcBehind(dropped);
    for (const { first } of this.kept.splice(0, dropped)) {
      this.dropped.push(first);
    }
  }

  /** Everything written is synced. */
  allSynced(): void {
    this.#synced = this.#written;
    this.#syncedCrc = this.#crc;
  }

  /** What the mark is to say; undefined when it says so already. */
  news(mark: HighWaterMark): Proven | undefined {
    const { synced, generation } = mark.proven;
    return synced === this.#synced && generation === this.#generation
      ? undefined
      : { synced: this.#synced, crc: this.#syncedCrc, generation: this.#generation };
  }

  #crcBehind(dropped: number): number {
    return this.kept[dropped - 1]?.crc ?? this.#droppedCrc;
  }
}
