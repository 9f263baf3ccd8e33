/**
 * Story: one small run in twenty stopped with "YCSB: classic-level answers …, varve answers …". A hundred puts are in
 * flight together, some of them to one key, and classic-level applies them on several threads in any order: the stores
 * that were compared at the end differed without anybody's fault.
 */
import { describe, expect, it } from 'vitest';
import { createRecords } from '../src/kv/records.js';
import { drawOperations, inFlight, mixes } from '../src/kv/ycsb.js';

describe('YCSB', () => {
  const records = createRecords({ count: 500, seed: 42 });
  for (const mix of mixes) {
    it(`${mix.name}: writes that are in flight together agree on the value of a key, later ones change it`, () => {
      const plan = { count: 3000, inserted: 500, version: 1, seed: 42 };
      const writes = drawOperations(mix, records, plan).filter(({ kind }) => !/read|scan/.test(kind));
      const last = new Map<string, { readonly turn: number; readonly value: string }>();
      const wrong = writes.filter(({ kind, key, value }, at) => {
        if (kind === 'insert') return false;
        const before = last.get(key.toString());
        const now = { turn: Math.floor(at / inFlight), value: value.toString('hex') };
        last.set(key.toString(), now);
        return before !== undefined && (before.value === now.value) !== (before.turn === now.turn);
      });
      expect(wrong).toEqual([]);
    });
  }
});
