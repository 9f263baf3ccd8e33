/** The suite of telemetry under test: each telemetry here is broken in one way, and a named case must notice. */
import { type TelemetryFactory, telemetryCases } from '@varve/conformance';
import type { Telemetry, TelemetryListener, TelemetryRecord, TelemetrySnapshot } from '@varve/interfaces';
import { createTelemetry } from '@varve/runtime';
import { describe, expect, it } from 'vitest';

/** A sound telemetry with some calls replaced. */
function broken(change: (sound: Telemetry) => Partial<Telemetry>): TelemetryFactory {
  return (limits) => {
    const sound = createTelemetry(limits);
    return {
      limits,
      record: (record) => sound.record(record),
      snapshot: () => sound.snapshot(),
      subscribe: (listener) => sound.subscribe(listener),
      ...change(sound),
    };
  };
}

const reading = (spoil: (snapshot: TelemetrySnapshot) => Partial<TelemetrySnapshot>): TelemetryFactory =>
  broken((sound) => ({ snapshot: () => ({ ...sound.snapshot(), ...spoil(sound.snapshot()) }) }));

const recording = (record: (sound: Telemetry, record: TelemetryRecord) => void): TelemetryFactory =>
  broken((sound) => ({ record: (given) => record(sound, given) }));

const hearing = (wrap: (listener: TelemetryListener) => TelemetryListener): TelemetryFactory =>
  broken((sound) => ({ subscribe: (listener) => sound.subscribe(wrap(listener)) }));

/** What is broken, the broken telemetry, and words of the case that must notice. */
const faults: readonly (readonly [string, TelemetryFactory, RegExp])[] = [
  ['every second record is lost', recording(everySecond()), /only the last records/],
  ['recent comes newest first', reading(({ recent }) => ({ recent: recent.toReversed() })), /only the last/],
  [
    'recent has no bound',
    (limits) => ({ ...broken(() => ({}))({ ...limits, recentMax: 1_000 }), limits }),
    /only the last records/,
  ],
  [
    'templates have no bound',
    (limits) => createTelemetry({ ...limits, templatesMax: 99 }),
    /templates beyond/,
  ],
  ['what is left out is not counted', reading(() => ({ unsummarisedCount: 0 })), /templates beyond/],
  [
    'bad records are swallowed',
    recording((sound, record) => {
      try {
        sound.record(record);
      } catch {
        // The fault: nobody hears of it.
      }
    }),
    /bad record is refused/,
  ],
  [
    'listeners hear the newest first',
    hearing((listener) => (records, missed) => listener(records.toReversed(), missed)),
    /in order/,
  ],
  ['missed records are not told', hearing((listener) => (records) => listener(records, 0)), /burst/],
  [
    'a listener that throws stays',
    hearing((listener) => (records, missed) => {
      try {
        listener(records, missed);
      } catch {
        // The fault: it is called again.
      }
    }),
    /listener that throws/,
  ],
  [
    'unsubscribing does nothing',
    broken((sound) => ({
      subscribe(listener) {
        sound.subscribe(listener);
        return () => {};
      },
    })),
    /after unsubscribing/,
  ],
];

describe('a planted fault', () => {
  it.each(faults)('is noticed: %s', async (_, create, noticedBy) => {
    const named = telemetryCases.filter(({ name }) => noticedBy.test(name));
    expect(named).toHaveLength(1);
    await expect(Promise.all(named.map(({ run }) => run(create)))).rejects.toThrow(Error);
  });
});

function everySecond(): (sound: Telemetry, record: TelemetryRecord) => void {
  let count = 0;
  return (sound, record) => {
    count += 1;
    if (count % 2 === 1) sound.record(record);
  };
}
