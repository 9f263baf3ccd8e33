/** Point reads of one view, synchronous and without allocation. */
import { type PackedKey, VarveError } from '@varve/interfaces';
import { type HotReads, type NativeSnapshot, type NativeStore, unwrap } from '@varve/native-embedded';
import { KeyScratch } from './key-bytes.js';

const failed = -2;
/** Values up to this size are read into one shared buffer first. */
const sharedBytes = 64 * 1024;

export class PointReads {
  readonly #scratch: KeyScratch;
  readonly #shared = Buffer.allocUnsafeSlow(sharedBytes);
  readonly #hot: HotReads;
  /** The registered buffer; before the first one, an array that no caller has. */
  #out: Uint8Array = new Uint8Array();
  #outLength = 0;

  /** @param view the latest state when absent */
  constructor(store: NativeStore, view?: NativeSnapshot) {
    this.#scratch = new KeyScratch();
    this.#hot = unwrap(store.hotReads(this.#scratch.bytes, view)) as HotReads;
  }

  /** See `KeyValueStore.getInto`. */
  getInto(key: PackedKey | string, buffer: Uint8Array): number {
    const keyBytes = this.#scratch.put(key);
    // A detached or resized buffer has another length, so its old address is never written to.
    if (buffer !== this.#out || buffer.length !== this.#outLength) this.#register(buffer);
    const length = this.#hot.get(keyBytes);
    if (length === failed) unwrap(this.#hot.takeFailure());
    return length;
  }

  /** A copy of the value; undefined when there is none. */
  get(key: PackedKey | string): Buffer | undefined {
    const length = this.getInto(key, this.#shared);
    if (length < 0) return undefined;
    if (length <= sharedBytes) return Buffer.from(this.#shared.subarray(0, length));
    const value = Buffer.allocUnsafeSlow(length);
    this.getInto(key, value);
    return value;
  }

  /** The value as text; undefined when there is none. */
  getText(key: PackedKey | string): string | undefined {
    const length = this.getInto(key, this.#shared);
    if (length < 0) return undefined;
    return length <= sharedBytes ? this.#shared.toString('utf8', 0, length) : this.get(key)?.toString();
  }

  has(key: PackedKey | string): boolean {
    const length = this.#hot.has(this.#scratch.put(key));
    if (length === failed) unwrap(this.#hot.takeFailure());
    return length >= 0;
  }

  #register(buffer: Uint8Array): void {
    if (!(buffer instanceof Uint8Array))
      throw new VarveError('ARGUMENT_INVALID', { message: 'the buffer is not a Uint8Array' });
    this.#hot.setOut(buffer);
    this.#out = buffer;
    this.#outLength = buffer.length;
  }
}
