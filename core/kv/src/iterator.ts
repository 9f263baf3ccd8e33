/** abstract-level's iterator over a native cursor: entries arrive in chunks and are handed out one by one. */

import { VarveError } from '@varve/interfaces';
import { type NativeCursor, unwrap } from '@varve/native-embedded';
import { AbstractIterator, type AbstractIteratorOptions, type AbstractLevel } from 'abstract-level';

/** How stored bytes are handed out: the formats of the manifest. */
export type Format = 'utf8' | 'buffer' | 'view';

/** What abstract-level hands to `_iterator`, and what the store adds. */
export interface IteratorOptions {
  readonly keys: boolean;
  readonly values: boolean;
  readonly keyEncoding: Format;
  readonly valueEncoding: Format;
  readonly limit: number;
  readonly signal?: AbortSignal | null;
}

type Item = string | Uint8Array | undefined;

/** Bytes of the first chunk; later ones grow, since whoever reads on usually reads much. */
const firstBytes = 4096;
const lastBytes = 256 * 1024;
/** Entries per chunk for each byte of it: an entry of 32 bytes is taken as small. */
const bytesPerEntry = 32;

export class CursorIterator<K, V> extends AbstractIterator<AbstractLevel<Uint8Array, K, V>, K, V> {
  readonly #cursor: NativeCursor | undefined;
  readonly #failure: VarveError | undefined;
  readonly #fields: number;
  readonly #options: IteratorOptions;
  readonly #filled = new Uint32Array(4);
  #chunkBytes = firstBytes;
  #bytes: Buffer = Buffer.alloc(0);
  #ends = new Uint32Array(0);
  #count = 0;
  #position = 0;
  #isDone = false;
  readonly #entriesMax: number;

  /**
   * @param cursor or what the first read throws; undefined when its snapshot is closed, which abstract-level reports at
   *   the first read
   */
  constructor(db: object, options: IteratorOptions, cursor: NativeCursor | VarveError | undefined) {
    super(db as AbstractLevel<Uint8Array, K, V>, options as unknown as AbstractIteratorOptions<K, V>);
    this.#failure = cursor instanceof VarveError ? cursor : undefined;
    this.#cursor = cursor instanceof VarveError ? undefined : cursor;
    this.#options = options;
    this.#fields = options.values ? (options.keys ? 2 : 1) : 0;
    this.#entriesMax = options.limit >= 0 ? Math.max(1, options.limit) : Number.POSITIVE_INFINITY;
  }

  async _next(): Promise<[Item, Item] | undefined> {
    await this.#heedSignal();
    if (this.#position === this.#count && !this.#fill()) return undefined;
    return this.#entry();
  }

  async _nextv(size: number): Promise<[Item, Item][]> {
    await this.#heedSignal();
    const entries: [Item, Item][] = [];
    while (entries.length < size && (this.#position < this.#count || this.#fill()))
      entries.push(this.#entry());
    return entries;
  }

  _seek(target: string | Uint8Array): void {
    if (this.#cursor === undefined) return;
    unwrap(this.#cursor.seek(typeof target === 'string' ? Buffer.from(target) : target));
    this.#count = 0;
    this.#position = 0;
    this.#isDone = false;
  }

  async _close(): Promise<void> {
    this.#cursor?.close();
  }

  /** Reads the next chunk, after every entry of the last one was copied out; false at the end of the range. */
  #fill(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isDone || this.#cursor === undefined) return false;
    const entries = Math.min(this.#entriesMax, Math.ceil(this.#chunkBytes / bytesPerEntry));
    const ends = entries * (this.#fields === 2 ? 2 : 1);
    if (this.#bytes.length < this.#chunkBytes) this.#bytes = Buffer.allocUnsafeSlow(this.#chunkBytes);
    if (this.#ends.length < ends) this.#ends = new Uint32Array(ends);
    unwrap(this.#cursor.fill(this.#fields, this.#bytes, this.#ends, this.#filled));
    const [count = 0, , done = 0, bytesNeeded = 0] = this.#filled;
    this.#count = count;
    this.#position = 0;
    this.#isDone = done === 1;
    this.#chunkBytes =
      count === 0 ? bytesNeeded : Math.max(this.#chunkBytes, Math.min(lastBytes, this.#chunkBytes * 4));
    return count > 0 || (bytesNeeded > 0 && this.#fill());
  }

  #entry(): [Item, Item] {
    const at = this.#position++;
    const { keys, values, keyEncoding, valueEncoding } = this.#options;
    if (this.#fields === 2) {
      const start = at === 0 ? 0 : (this.#ends[2 * at - 1] as number);
      const middle = this.#ends[2 * at] as number;
      const end = this.#ends[2 * at + 1] as number;
      return [this.#item(start, middle, keyEncoding), this.#item(middle, end, valueEncoding)];
    }
    const start = at === 0 ? 0 : (this.#ends[at - 1] as number);
    const end = this.#ends[at] as number;
    return values
      ? [undefined, this.#item(start, end, valueEncoding)]
      : [keys ? this.#item(start, end, keyEncoding) : undefined, undefined];
  }

  /** A read is synchronous; with a signal it begins a tick later, so that an abort in between is heard. */
  async #heedSignal(): Promise<void> {
    const { signal } = this.#options;
    if (signal === undefined || signal === null) return;
    await Promise.resolve();
    if (signal.aborted) throw new AbortError();
  }

  #item(start: number, end: number, format: Format): Item {
    return format === 'utf8'
      ? this.#bytes.toString('utf8', start, end)
      : Buffer.from(this.#bytes.subarray(start, end));
  }
}

/** As abstract-level throws it; it does not export its own. */
class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly code = 'LEVEL_ABORTED';

  constructor() {
    super('Operation has been aborted');
  }
}
