/** Telemetry of a store's background work: one record per flush, merge and failure, from the events that it emits. */
import { type Clock, type ErrorCode, type StoreEvent, type Telemetry, VarveError } from '@varve/interfaces';

/** The part of an event emitter that is needed; every store is one. */
export interface StoreEvents {
  /** Tells `listener` of every event of that name from now on. */
  on(name: StoreEvent['type'], listener: (event: StoreEvent) => void): unknown;
}

/**
 * Records `kv.flush`, `kv.merge` and `kv.verify` from now on; a failure is a record with its code.
 *
 * Cost: one record per background job; reads and writes are not touched.
 */
export function recordStoreEvents(
  store: StoreEvents,
  { telemetry, clock }: { readonly telemetry: Telemetry; readonly clock: Clock },
): void {
  const finished = (
    template: string,
    elapsedMs: number,
    work: Readonly<Record<string, number>>,
    failure?: ErrorCode,
  ): void => {
    const record = { template, startedMs: clock.wallMs() - elapsedMs, elapsedMs, work };
    telemetry.record(failure === undefined ? record : { ...record, failure });
  };
  const listener = (event: StoreEvent): void => {
    if (event.type === 'flush') {
      const { elapsedMs, entryCount, fileBytes } = event;
      finished('kv.flush', elapsedMs, { entryCount, fileBytes });
    } else if (event.type === 'merge') {
      const { elapsedMs, entryCount, fileBytes, inputs } = event;
      finished('kv.merge', elapsedMs, { entryCount, fileBytes, inputCount: inputs.length });
    } else if (event.type === 'background-failed') {
      const { job, error } = event;
      finished(`kv.${job}`, 0, {}, error instanceof VarveError ? error.code : 'STORE_IO');
    } else if (event.type === 'poisoned') finished('kv.poisoned', 0, {}, 'STORE_POISONED');
  };
  for (const name of ['flush', 'merge', 'background-failed', 'poisoned'] as const) store.on(name, listener);
}
