/** The suite of the durable log: order, bytes, folding, owners. Faults are in `fault-cases.ts`. */
import assert from 'node:assert/strict';
import type { DurableLog, LoggedCommit } from '@varve/interfaces';
import type { Case } from '../case.js';
import { hex, rejectsCode, throwsCode, utf8 } from '../checks.js';
import { createSeededRandom } from '../simulated/seeded-random.js';
import { type LogFactory, withLog } from './factory.js';
import { logFaultCases } from './fault-cases.js';

/** Everything that a log replays, as data that outlives the next one. */
export async function replayed(log: DurableLog): Promise<readonly (readonly [number, string])[]> {
  const commits: (readonly [number, string])[] = [];
  for await (const { sequence, batch } of log.replay()) commits.push([sequence, hex(batch)]);
  return commits;
}

const commit = (sequence: number, text = `batch ${sequence}`): LoggedCommit => ({
  sequence,
  batch: utf8(text),
});

const shown = (first: number, last: number): readonly (readonly [number, string])[] =>
  Array.from({ length: last - first + 1 }, (_, at) => [first + at, hex(utf8(`batch ${first + at}`))]);

async function appendUpTo(log: DurableLog, first: number, last: number): Promise<void> {
  for (let sequence = first; sequence <= last; sequence += 1) await log.append(commit(sequence), 'synced');
}

/** Every promise of `DurableLog`. */
export const durableLogCases: readonly Case<LogFactory>[] = [
  {
    name: 'a new log has no catalogue and nothing to replay',
    run: async (factory) =>
      withLog(await factory.place(), async (log) => {
        assert.equal(log.catalogue(), undefined);
        assert.deepEqual(await replayed(log), []);
      }),
  },
  {
    name: 'a synced append says so, a fast one says what it reached',
    run: async (factory) =>
      withLog(await factory.place(), async (log) => {
        assert.equal(await log.append(commit(1), 'synced'), 'synced');
        assert.ok(['fast', 'synced'].includes(await log.append(commit(2), 'fast')));
        assert.equal(await log.append(commit(3), 'synced'), 'synced');
      }),
  },
  {
    name: 'commits replay in order, byte for byte, after close and open',
    run: async (factory) => {
      const random = createSeededRandom(1);
      const batches = [0, 1, 255, 256, 4_095, 4_096, 4_097, 32_768, 70_000, 1 << 20].map((byteCount) =>
        random.bytes(byteCount),
      );
      const expected = batches.map((batch, at) => [at + 1, hex(batch)]);
      const place = await factory.place();
      await withLog(place, async (log) => {
        for (const [at, batch] of batches.entries()) {
          await log.append({ sequence: at + 1, batch }, at % 3 === 0 ? 'fast' : 'synced');
        }
      });
      for (let turn = 0; turn < 3; turn += 1) {
        await withLog(place, async (log) => assert.deepEqual(await replayed(log), expected));
      }
    },
  },
  {
    name: 'a batch is copied: the caller may use its bytes again once the append resolved',
    run: async (factory) => {
      const place = await factory.place();
      await withLog(place, async (log) => {
        const batch = utf8('batch 1');
        await log.append({ sequence: 1, batch }, 'synced');
        batch.fill(0);
        await appendUpTo(log, 2, 2);
      });
      await withLog(place, async (log) => assert.deepEqual(await replayed(log), shown(1, 2)));
    },
  },
  {
    name: 'appends under way together keep the order of the calls',
    run: async (factory) => {
      const place = await factory.place();
      await withLog(place, async (log) => {
        const calls = Array.from({ length: 200 }, (_, at) =>
          log.append(commit(at + 1), at % 7 === 0 ? 'fast' : 'synced'),
        );
        for (const [at, reached] of (await Promise.all(calls)).entries()) {
          if (at % 7 !== 0) assert.equal(reached, 'synced');
        }
      });
      await withLog(place, async (log) => assert.deepEqual(await replayed(log), shown(1, 200)));
    },
  },
  {
    name: 'a commit that does not follow the last one is refused and leaves no trace',
    run: async (factory) => {
      const place = await factory.place();
      await withLog(place, async (log) => {
        await appendUpTo(log, 1, 2);
        for (const sequence of [0, 1, 2, 4]) {
          await rejectsCode('ARGUMENT_INVALID', () => log.append(commit(sequence), 'synced'), `${sequence}`);
        }
        await appendUpTo(log, 3, 3);
      });
      await withLog(place, async (log) => assert.deepEqual(await replayed(log), shown(1, 3)));
    },
  },
  {
    name: 'a fold stores the catalogue and drops what is folded, and nothing else',
    run: async (factory) => {
      const place = await factory.place();
      await withLog(place, async (log) => {
        await appendUpTo(log, 1, 6);
        await log.fold(utf8('catalogue 1'), 4);
        assert.equal(hex(log.catalogue() ?? utf8('')), hex(utf8('catalogue 1')));
        await appendUpTo(log, 7, 8);
      });
      await withLog(place, async (log) => {
        assert.equal(hex(log.catalogue() ?? utf8('')), hex(utf8('catalogue 1')));
        assert.deepEqual(await replayed(log), shown(5, 8));
        await log.fold(new Uint8Array(300_000).fill(7), 8);
      });
      await withLog(place, async (log) => {
        assert.equal(hex(log.catalogue() ?? utf8('')), '07'.repeat(300_000));
        assert.deepEqual(await replayed(log), [], 'all is folded');
        await appendUpTo(log, 9, 9);
      });
      await withLog(place, async (log) => assert.deepEqual(await replayed(log), shown(9, 9)));
    },
  },
  {
    name: 'a fold may store a new catalogue without dropping anything, as a merge does',
    run: async (factory) => {
      const place = await factory.place();
      await withLog(place, async (log) => {
        await log.fold(utf8('first'), 0);
        await appendUpTo(log, 1, 3);
        await log.fold(utf8('second'), 2);
        await log.fold(utf8('third'), 2);
      });
      await withLog(place, async (log) => {
        assert.equal(hex(log.catalogue() ?? utf8('')), hex(utf8('third')));
        assert.deepEqual(await replayed(log), shown(3, 3));
      });
    },
  },
  {
    name: 'appends go on while a fold is under way',
    run: async (factory) => {
      const place = await factory.place();
      await withLog(place, async (log) => {
        await appendUpTo(log, 1, 20);
        const calls: Promise<unknown>[] = [];
        for (let sequence = 21; sequence <= 60; sequence += 1) {
          calls.push(log.append(commit(sequence), 'synced'));
          if (sequence % 10 === 0) calls.push(log.fold(utf8(`at ${sequence}`), sequence - 20));
        }
        await Promise.all(calls);
      });
      await withLog(place, async (log) => {
        assert.equal(hex(log.catalogue() ?? utf8('')), hex(utf8('at 60')));
        assert.deepEqual(await replayed(log), shown(41, 60));
      });
    },
  },
  {
    name: 'one log object owns a place; another gets STORE_LOCKED until it is closed',
    run: async (factory) => {
      const place = await factory.place();
      const second = place.create();
      await withLog(place, async (log) => {
        await appendUpTo(log, 1, 1);
        await rejectsCode('STORE_LOCKED', () => second.open());
        await appendUpTo(log, 2, 2);
      });
      await second.open();
      assert.deepEqual(await replayed(second), shown(1, 2));
      await second.close();
    },
  },
  {
    name: 'a closed log answers STORE_CLOSED, and closing it again does nothing',
    run: async (factory) => {
      const log = (await factory.place()).create();
      await log.open();
      await appendUpTo(log, 1, 1);
      await log.close();
      await log.close();
      await rejectsCode('STORE_CLOSED', () => log.append(commit(2), 'synced'), 'append');
      await rejectsCode('STORE_CLOSED', () => log.fold(utf8('x'), 1), 'fold');
      await rejectsCode('STORE_CLOSED', async () => replayed(log), 'replay');
      throwsCode('STORE_CLOSED', () => log.catalogue(), 'catalogue');
    },
  },
  ...logFaultCases,
];
