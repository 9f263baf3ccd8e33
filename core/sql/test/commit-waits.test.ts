import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '@varve/interfaces';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CommitWaits } from '../src/commit-waits.js';

vi.mock('node:os', () => ({ availableParallelism: () => 2 }));
afterEach(() => vi.restoreAllMocks());

/** Waits for one commit of so many ms of a clock that goes by itself. @returns how often the loop was kept awake */
async function turnsDuring(waits: CommitWaits, clock: { ms: number }, commitMs: number): Promise<number> {
  const spy = vi.spyOn(globalThis, 'setImmediate');
  let done: (value: number) => void = () => undefined;
  const answer = waits.during(new Promise<number>((resolve) => (done = resolve)));
  for (let turn = 0; turn < 10; turn++) {
    clock.ms += commitMs / 10;
    await nextTurn();
  }
  done(7);
  expect(await answer).toBe(7);
  const turns = spy.mock.calls.length;
  spy.mockRestore();
  return turns;
}

describe('waiting for commits', () => {
  const clock = { ms: 0 };
  const parts = { monotonicMs: () => clock.ms } as Clock;

  it('keeps the loop awake while they are quick', async () => {
    const waits = new CommitWaits(parts);
    expect(await turnsDuring(waits, clock, 0.2)).toBeGreaterThan(5);
    expect(await turnsDuring(waits, clock, 0.2)).toBeGreaterThan(5);
  });

  it('gives up on one that takes long, and lets the loop sleep until they are quick again', async () => {
    const waits = new CommitWaits(parts);
    expect(await turnsDuring(waits, clock, 2)).toBeLessThan(5);
    expect(await turnsDuring(waits, clock, 0.2)).toBe(0);
    expect(await turnsDuring(waits, clock, 0.2)).toBeGreaterThan(5);
  });

  it('hands errors on', async () => {
    const waits = new CommitWaits(parts);
    await expect(waits.during(Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
  });
});
