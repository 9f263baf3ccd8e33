/**
 * A merge may begin while the store opens. Its fold, asked for before there was a writer to store the catalogue, was
 * dropped: it stayed open for ever, and with it `flush`, `compact` and every write that needed room.
 */
import { binding, type StoreEvent } from '@varve/native-embedded';
import { expect, it, vi } from 'vitest';
import { openFresh } from './temporary.js';

it('a fold that is asked for while the store opens is answered', async () => {
  const real = binding.openStore;
  const answered: number[] = [];
  vi.spyOn(binding, 'openStore').mockImplementation(async (location, options, hear, ...rest) => {
    const store = await real(location, options, hear, ...rest);
    if ('failure' in store) return store;
    const fold: StoreEvent = { type: 'fold', ticket: 77, catalogue: store.catalogue(), foldedSequence: 0 };
    hear(fold);
    store.foldCommitted = (ticket) => {
      answered.push(ticket);
      return undefined;
    };
    return store;
  });
  const db = await openFresh({ log: 'level' });
  vi.restoreAllMocks();
  // The log's sync comes first, which a busy disk may hold up for longer than the second that is the default.
  await vi.waitFor(() => expect(answered).toEqual([77]), 30_000);
  await db.close();
});
