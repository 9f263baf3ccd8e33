import { EventEmitter } from 'node:events';
import { SimulatedClock } from '@varve/conformance';
import { type StoreEvent, VarveError } from '@varve/interfaces';
import { createTelemetry, recordStoreEvents } from '@varve/runtime';
import { expect, it } from 'vitest';

const damaged = new VarveError('STORE_DAMAGED', { message: 'a block is damaged' });

/** What a store tells, and what is left of it. */
const rows: readonly (readonly [StoreEvent, object | undefined])[] = [
  [
    { type: 'flush', segments: [3], entryCount: 10, fileBytes: 4_096, elapsedMs: 7 },
    { template: 'kv.flush', startedMs: 993, elapsedMs: 7, work: { entryCount: 10, fileBytes: 4_096 } },
  ],
  [
    { type: 'merge', inputs: [1, 2, 3], segments: [4], entryCount: 30, fileBytes: 9_000, elapsedMs: 20 },
    { template: 'kv.merge', startedMs: 980, work: { entryCount: 30, fileBytes: 9_000, inputCount: 3 } },
  ],
  [{ type: 'progress', job: 'merge', done: 1, total: 2 }, undefined],
  [
    { type: 'background-failed', job: 'merge', error: damaged },
    { template: 'kv.merge', failure: 'STORE_DAMAGED' },
  ],
  [
    { type: 'background-failed', job: 'flush', error: new Error('unknown') },
    { template: 'kv.flush', failure: 'STORE_IO' },
  ],
  [
    { type: 'poisoned', cause: 'fdatasync failed' },
    { template: 'kv.poisoned', failure: 'STORE_POISONED' },
  ],
];

it.each(rows)('records %o', (event, expected) => {
  const store = new EventEmitter();
  const telemetry = createTelemetry();
  recordStoreEvents(store, { telemetry, clock: new SimulatedClock(1_000) });
  store.emit(event.type, event);
  const { recent } = telemetry.snapshot();
  expect(recent).toMatchObject(expected === undefined ? [] : [expected]);
});
