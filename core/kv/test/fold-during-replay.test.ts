// A fold that was still under way when the replay ended shared its turn with the first append: preparing log space
// replaced the promise that said a write was under way, and two writes ran at once.
import { afterAll, expect, it } from 'vitest';
import { LevelLog } from '../src/log/level-log.js';
import { freshFolder } from './level/folder.js';

const { root, remove } = freshFolder();
afterAll(remove);

it('a fold asked for during the replay and the first append after it take turns', async () => {
  const first = new LevelLog(root);
  await first.open();
  for (let sequence = 1; sequence <= 3; sequence += 1) {
    await first.append({ sequence, batch: Uint8Array.of(sequence) }, 'synced');
  }
  await first.close();
  const second = new LevelLog(root);
  await second.open();
  const calls: Promise<unknown>[] = [];
  for await (const { sequence } of second.replay()) {
    if (sequence === 3) calls.push(second.fold(Uint8Array.of(7), 2));
  }
  calls.push(second.append({ sequence: 4, batch: Uint8Array.of(4) }, 'synced'));
  await Promise.all(calls);
  await second.close();
  const third = new LevelLog(root);
  await third.open();
  const left: number[] = [];
  for await (const { sequence } of third.replay()) left.push(sequence);
  expect([third.catalogue()?.[0], ...left]).toEqual([7, 3, 4]);
  await third.close();
});
