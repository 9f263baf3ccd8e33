import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '@varve/interfaces';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CommitWaits } from '../src/commit-waits.js';

vi.mock('node:os', () => ({ availableParallelism: () => 2 }));
afterEach(() => vi.restoreAllMocks());

/**
 * Waits for one commit of so many ms of a clock that goes by itself.
 *
 * @returns how often the loop was kept awake, and whether the commit was there when the answer was asked for
 */
async function commitOf(waits: CommitWaits, clock: { ms: number }, commitMs: number): Promise<Commit> {
  const spy = vi.spyOn(globalThis, 'setImmediate');
  let isCommitting = true;
  let wasThere = false;
  let done: (value: number) => void = () => undefined;
  const woken = new Promise<number>((resolve) => (done = resolve));
  const answer = waits.during(
    () => isCommitting,
    () => {
      wasThere = !isCommitting;
      return woken;
    },
  );
  for (let turn = 0; turn < 10; turn++) {
    clock.ms += commitMs / 10;
    await nextTurn();
  }
  isCommitting = false;
  done(7);
  expect(await answer).toBe(7);
  const turns = spy.mock.calls.length;
  spy.mockRestore();
  return { turns, wasThere };
}

interface Commit {
  readonly turns: number;
  readonly wasThere: boolean;
}

describe('waiting for commits', () => {
  const clock = { ms: 0 };
  const parts = { monotonicMs: () => clock.ms } as Clock;

  it('keeps the loop awake while they are quick, and asks for answers that are there', async () => {
    const waits = new CommitWaits(parts);
    for (let i = 0; i < 2; i++) {
      const { turns, wasThere } = await commitOf(waits, clock, 0.2);
      expect(turns).toBeGreaterThan(5);
      expect(wasThere).toBe(true);
    }
  });

  it('gives up on one that takes long, and lets the loop sleep until they are quick again', async () => {
    const waits = new CommitWaits(parts);
    const slow = await commitOf(waits, clock, 4);
    expect(slow.turns).toBeLessThan(5);
    expect(slow.wasThere).toBe(false);
    expect((await commitOf(waits, clock, 0.2)).turns).toBe(0);
    expect((await commitOf(waits, clock, 0.2)).turns).toBeGreaterThan(5);
  });

  it('serves several at once, each as it becomes durable', async () => {
    const waits = new CommitWaits(parts);
    const open = new Set([1, 2, 3]);
    const answers = [...open].map((id) =>
      waits.during(
        () => open.has(id),
        () => Promise.resolve(id),
      ),
    );
    open.delete(2);
    expect(await Promise.race(answers)).toBe(2);
    open.clear();
    expect(await Promise.all(answers)).toEqual([1, 2, 3]);
  });

  it('hands errors on', async () => {
    const waits = new CommitWaits(parts);
    const failing = waits.during(
      () => false,
      () => Promise.reject(new Error('disk full')),
    );
    await expect(failing).rejects.toThrow('disk full');
  });
});
