/** Varve and LevelDB behind one small face, each by the quickest calls that it has. */
import { createPacked, type EmbeddedDatabase, packedMissing } from '@varve/embedded';
import type { ClassicLevel } from 'classic-level';
import { delayOf, recordBytes } from '../flights/flight-record.js';
import type { Questions } from './questions.js';

/** The flights' store, keys and values as bytes. */
export type FlightDatabase = EmbeddedDatabase<Uint8Array, Uint8Array>;
export type LevelDatabase = ClassicLevel<Uint8Array, Uint8Array>;

/** Takes an answer: a delay, or undefined when there is no such key. */
export type See = (answer: number | undefined) => void;

/** A store under comparison. Every answer is a delay; undefined when there is no such key. */
export interface Subject {
  /** Answers question `at`. */
  point(questions: Questions, at: number): number | undefined;
  /** Answers questions `start` to `end`, together; each answer goes to `see`, in their order. */
  batch(questions: Questions, start: number, end: number, see: See): Promise<void> | void;
  /** Sum of the delays of `count` entries from question `at` on. */
  range(questions: Questions, at: number, count: number): Promise<number> | number;
}

export function varveSubject(db: FlightDatabase, batchMax: number): Subject {
  const value = new Uint8Array(recordBytes);
  const out = createPacked({ byteCount: batchMax * recordBytes, endCount: batchMax });
  return {
    point({ keys }, at) {
      return db.getInto(keys[at] ?? 0n, value) === recordBytes ? delayOf(value) : undefined;
    },
    batch({ keys }, start, end, see) {
      db.getManyPacked(keys.subarray(start, end), undefined, out);
      for (let at = 0; at < end - start; at++) {
        const after = out.ends[at] ?? 0;
        see(after >= packedMissing ? undefined : delayOf(out.bytes, after - recordBytes));
      }
    },
    range({ keys }, at, count) {
      db.scanPacked({ gte: keys[at] ?? 0n, limit: count, fields: 'values' }, out);
      let sum = 0;
      for (let entry = 0; entry < out.count; entry++) sum += delayOf(out.bytes, entry * recordBytes);
      return sum;
    },
  };
}

export function levelSubject(db: LevelDatabase): Subject {
  const delay = (value: Uint8Array | undefined) => (value === undefined ? undefined : delayOf(value));
  return {
    point: ({ buffers }, at) => delay(db.getSync(buffers[at] ?? Buffer.alloc(0))),
    async batch({ buffers }, start, end, see) {
      for (const value of await db.getMany(buffers.slice(start, end))) see(delay(value));
    },
    async range({ buffers }, at, count) {
      const values = db.values({ gte: buffers[at] ?? Buffer.alloc(0), limit: count });
      const found = await values.nextv(count);
      await values.close();
      return found.reduce((sum, value) => sum + delayOf(value), 0);
    },
  };
}
