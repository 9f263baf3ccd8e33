/**
 * Finds what the log wrote in any bytes, whatever LevelDB says of them.
 *
 * Every record tells its own length, and its checksum covers its content and the log's id, so it proves itself wherever
 * it lies: in a log file, in a table whose index is gone, in a file under another's name. Nothing here needs LevelDB to
 * be able to open. What a scan finds may have been deleted or replaced since; `proven-commits.ts` tells.
 */
import { type Cell, decodeCell, pageBytes } from './high-water-mark.js';
import { type LevelRecord, readLevelLog } from './leveldb-log-file.js';
import {
  type CatalogueRecord,
  type CommitsRecord,
  catalogueHeadBytes,
  commitsHeadBytes,
  commitsKey,
  decodeCatalogue,
  decodeCommits,
  decodeFormat,
  formatBytes,
} from './log-record.js';

/** Whole by its lengths, and not yet by its checksum. */
interface Candidate {
  readonly kind: 'commits' | 'catalogue';
  readonly bytes: Buffer;
}

/** What lies in the scanned files; `of` proves it. */
export class RecordScan {
  /** Sound cells of marks. */
  readonly cells: Cell[] = [];
  /** Ids of the logs that marks and records of the format name. */
  readonly ids: Map<string, Uint8Array> = new Map();
  readonly #candidates: Candidate[] = [];

  /** Cost: a few passes over `file`, which stays in memory for as long as the scan. */
  add(file: Buffer): void {
    for (const at of [0, pageBytes]) {
      const cell = decodeCell(file.subarray(at));
      if (cell === undefined) continue;
      this.cells.push(cell);
      this.#addId(cell.id);
    }
    this.#scan(file);
    // A record that LevelDB split over blocks is whole only in the batch that it puts together again.
    const record = ({ start, end, payload }: LevelRecord): void => {
      if (end - start > payload.length + oneHeadBytes) {
        this.#scan(Buffer.from(payload.buffer, payload.byteOffset, payload.length));
      }
    };
    readLevelLog(file, { record, hole: () => undefined }, 'record');
  }

  /** The records that belong to the log `id`. */
  of(id: Uint8Array): { readonly commits: CommitsRecord[]; readonly catalogues: CatalogueRecord[] } {
    const commits = new Map<string, CommitsRecord>();
    const catalogues: CatalogueRecord[] = [];
    for (const { kind, bytes } of this.#candidates) {
      if (kind === 'commits') {
        const record = decodeCommits(id, commitsKey(firstOf(bytes)), bytes);
        if (record !== undefined) commits.set(`${record.first} ${record.crc}`, record);
      } else {
        const record = decodeCatalogue(id, bytes);
        if (record !== undefined) catalogues.push(record);
      }
    }
    return { commits: [...commits.values()], catalogues };
  }

  /** The last commit that any candidate names, proven or not; 0 when there is none. */
  get lastNamed(): number {
    const commits = this.#candidates.filter(({ kind }) => kind === 'commits');
    return commits.reduce(
      (last, { bytes }) => Math.max(last, firstOf(bytes) + bytes.readUInt32LE(12) - 1),
      0,
    );
  }

  #addId(id: Uint8Array): void {
    this.ids.set(id.join(), id);
  }

  #scan(bytes: Buffer): void {
    for (const at of places(bytes, 'VLF1')) {
      const id = decodeFormat(bytes.subarray(at, at + formatBytes));
      if (id !== undefined) this.#addId(id);
    }
    for (const at of places(bytes, 'VLG1')) {
      const end = commitsEnd(bytes, at);
      if (end !== undefined) this.#candidates.push({ kind: 'commits', bytes: bytes.subarray(at, end) });
    }
    for (const at of places(bytes, 'VLC1')) {
      const end = catalogueEnd(bytes, at);
      if (end !== undefined) this.#candidates.push({ kind: 'catalogue', bytes: bytes.subarray(at, end) });
    }
  }
}

/** Head of a record that LevelDB did not split. */
const oneHeadBytes = 7;

/** Head of a catalogue of the engine: magic, format, bytes of its body; a checksum ends it. */
const engineHeadBytes = 16;

function* places(bytes: Buffer, magic: string): Generator<number> {
  for (let at = bytes.indexOf(magic, 0, 'latin1'); at >= 0; at = bytes.indexOf(magic, at + 1, 'latin1')) {
    yield at;
  }
}

function firstOf(commits: Buffer): number {
  return Number(commits.readBigUInt64LE(16));
}

/** Where a record of commits ends by the lengths of its batches. */
function commitsEnd(bytes: Buffer, start: number): number | undefined {
  let at = start + commitsHeadBytes;
  if (at > bytes.length || !isSequence(bytes.readBigUInt64LE(start + 16))) return undefined;
  const commits = bytes.readUInt32LE(start + 12);
  for (let commit = 0; commit < commits; commit += 1) {
    if (at + 4 > bytes.length) return undefined;
    at += 4 + bytes.readUInt32LE(at);
  }
  return commits > 0 && at <= bytes.length ? at : undefined;
}

function catalogueEnd(bytes: Buffer, start: number): number | undefined {
  const at = start + catalogueHeadBytes;
  if (at + engineHeadBytes > bytes.length) return undefined;
  const end = at + engineHeadBytes + bytes.readUInt32LE(at + 12) + 4;
  return end <= bytes.length ? end : undefined;
}

function isSequence(number: bigint): boolean {
  return number > 0n && number <= BigInt(Number.MAX_SAFE_INTEGER);
}
