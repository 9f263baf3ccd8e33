/** The suite of telemetry: sums, bounds, listeners. */
import assert from 'node:assert/strict';
import type { Telemetry, TelemetryLimits, TelemetryRecord, TelemetrySnapshot } from '@varve/interfaces';
import type { Case } from '../case.js';
import { throwsCode } from '../checks.js';
import { forSeeds } from '../simulated/seeded-random.js';

/** Makes a telemetry with the given bounds. */
export type TelemetryFactory = (limits: TelemetryLimits) => Telemetry;

const limits: TelemetryLimits = { recentMax: 8, templatesMax: 3, listenersMax: 2 };

const record = (template: string, elapsedMs = 1, work: Record<string, number> = {}): TelemetryRecord => ({
  template,
  startedMs: 1_000,
  elapsedMs,
  work,
});

const templatesOf = (records: readonly TelemetryRecord[]): readonly string[] =>
  records.map(({ template }) => template);

/** Lets every microtask run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What no record may be. */
const badRecords: readonly unknown[] = [
  undefined,
  null,
  'kv.flush',
  {},
  { ...record('') },
  { ...record('x'.repeat(129)) },
  { ...record('a'), template: 5 },
  { ...record('a'), startedMs: Number.NaN },
  { ...record('a'), startedMs: '1' },
  { ...record('a'), elapsedMs: -1 },
  { ...record('a'), elapsedMs: Number.POSITIVE_INFINITY },
  { ...record('a'), work: undefined },
  { ...record('a'), work: null },
  { ...record('a'), work: { rowCount: '5' } },
  { ...record('a'), work: { rowCount: Number.NaN } },
  { ...record('a'), work: { rowCount: -1 } },
  { ...record('a'), work: { '': 1 } },
  { ...record('a'), work: { ['x'.repeat(129)]: 1 } },
  { ...record('a'), work: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`name ${at}`, at])) },
  { ...record('a'), failure: 'NO_SUCH_CODE' },
  { ...record('a'), failure: 'toString' },
];

/** Every promise of `Telemetry`. */
export const telemetryCases: readonly Case<TelemetryFactory>[] = [
  {
    name: 'records are summed up per template',
    run: async (create) => {
      const telemetry = create(limits);
      telemetry.record(record('kv.flush', 3, { fileBytes: 100, entryCount: 7 }));
      telemetry.record(record('kv.merge', 9));
      telemetry.record({ ...record('kv.flush', 5, { fileBytes: 50 }), failure: 'STORE_FULL' });
      const { recordCount, templates } = telemetry.snapshot();
      assert.equal(recordCount, 3);
      assert.deepEqual(templatesOfSummaries(telemetry.snapshot()), ['kv.flush', 'kv.merge']);
      const [flush] = templates;
      assert.deepEqual(flush?.elapsedMs, { sum: 8, min: 3, max: 5, squares: 34 });
      assert.deepEqual({ ...flush?.work }, { fileBytes: 150, entryCount: 7 });
      assert.deepEqual([flush?.count, flush?.failureCount, flush?.unsummedCount], [2, 1, 0]);
    },
  },
  {
    name: 'only the last records are kept, oldest first; all are counted',
    run: async (create) => {
      const telemetry = create(limits);
      assert.deepEqual(telemetry.limits, limits);
      for (let at = 1; at <= 30; at += 1) telemetry.record(record(`t${at % 3}`, at));
      const { recordCount, recent, templates } = telemetry.snapshot();
      assert.equal(recordCount, 30);
      assert.deepEqual(
        recent.map(({ elapsedMs }) => elapsedMs),
        [23, 24, 25, 26, 27, 28, 29, 30],
      );
      assert.equal(
        templates.reduce((sum, { count }) => sum + count, 0),
        30,
      );
    },
  },
  {
    name: 'templates beyond the bound are counted and kept as recent, known ones go on',
    run: async (create) => {
      const telemetry = create(limits);
      for (const template of ['a', 'b', 'c', 'd', 'e', 'a']) telemetry.record(record(template));
      const snapshot = telemetry.snapshot();
      assert.deepEqual(templatesOfSummaries(snapshot), ['a', 'b', 'c']);
      assert.deepEqual([snapshot.recordCount, snapshot.unsummarisedCount], [6, 2]);
      assert.equal(snapshot.templates[0]?.count, 2);
      assert.deepEqual(templatesOf(snapshot.recent), ['a', 'b', 'c', 'd', 'e', 'a']);
    },
  },
  {
    name: 'a summary keeps the first 16 names of work and counts the rest',
    run: async (create) => {
      const telemetry = create(limits);
      for (let at = 0; at < 20; at += 1) telemetry.record(record('a', 1, { [`n${at}`]: 1, n0: 1 }));
      const [summary] = telemetry.snapshot().templates;
      assert.equal(Object.keys(summary?.work ?? {}).length, 16);
      assert.deepEqual([summary?.work['n0'], summary?.unsummedCount], [20, 4]);
    },
  },
  {
    name: 'records and snapshots are copies',
    run: async (create) => {
      const telemetry = create(limits);
      const work: Record<string, number> = { rowCount: 1 };
      telemetry.record(record('a', 1, work));
      work['rowCount'] = 99;
      const before = telemetry.snapshot();
      telemetry.record(record('a', 2));
      assert.deepEqual([before.recordCount, before.recent.length, before.templates[0]?.count], [1, 1, 1]);
      assert.equal(telemetry.snapshot().recent[0]?.work['rowCount'], 1);
    },
  },
  {
    name: 'a bad record is refused and changes nothing',
    run: async (create) => {
      const telemetry = create(limits);
      let heard = 0;
      telemetry.subscribe((records) => {
        heard += records.length;
      });
      telemetry.record(record('good'));
      for (const [at, bad] of badRecords.entries()) {
        throwsCode('ARGUMENT_INVALID', () => telemetry.record(bad as TelemetryRecord), `bad record ${at}`);
      }
      await settled();
      const { recordCount, templates, recent } = telemetry.snapshot();
      assert.deepEqual([recordCount, templates.length, recent.length, heard], [1, 1, 1, 1]);
    },
  },
  {
    name: 'names such as __proto__ and constructor are names like any other',
    run: async (create) => {
      const telemetry = create(limits);
      const work = JSON.parse('{"__proto__": 2, "constructor": 3}') as Record<string, number>;
      for (const template of ['__proto__', 'constructor', '__proto__']) {
        telemetry.record(record(template, 1, work));
      }
      const { templates } = telemetry.snapshot();
      assert.deepEqual(
        templates.map(({ template, count }) => [template, count]),
        [
          ['__proto__', 2],
          ['constructor', 1],
        ],
      );
      assert.deepEqual(Object.entries(templates[0]?.work ?? {}), [
        ['__proto__', 4],
        ['constructor', 6],
      ]);
      assert.equal(Object.prototype.constructor, Object);
    },
  },
  {
    name: 'listeners hear everything in order, after the call that recorded it',
    run: async (create) => {
      const telemetry = create(limits);
      telemetry.record(record('before'));
      const heard: string[][] = [[], []];
      for (const list of heard) {
        telemetry.subscribe((records, missedCount) => {
          assert.equal(missedCount, 0);
          list.push(...templatesOf(records));
        });
      }
      for (let at = 0; at < 20; at += 1) {
        telemetry.record(record(`t${at}`));
        assert.equal(heard[0]?.length, at - (at % 4), 'not inside record');
        if (at % 4 === 3) await settled();
      }
      const expected = Array.from({ length: 20 }, (_, at) => `t${at}`);
      assert.deepEqual(heard, [expected, expected]);
    },
  },
  {
    name: 'a listener hears the last records of a burst and how many it missed',
    run: async (create) => {
      const telemetry = create(limits);
      const batches: [readonly string[], number][] = [];
      telemetry.subscribe((records, missedCount) => batches.push([templatesOf(records), missedCount]));
      for (let at = 0; at < 100; at += 1) telemetry.record(record(`t${at}`));
      await settled();
      telemetry.record(record('later'));
      await settled();
      const last = Array.from({ length: 8 }, (_, at) => `t${92 + at}`);
      assert.deepEqual(batches, [
        [last, 92],
        [['later'], 0],
      ]);
    },
  },
  {
    name: 'after unsubscribing nothing is heard, not even what waits',
    run: async (create) => {
      const telemetry = create(limits);
      let heard = 0;
      const unsubscribe = telemetry.subscribe(() => {
        heard += 1;
      });
      telemetry.record(record('a'));
      unsubscribe();
      unsubscribe();
      telemetry.record(record('a'));
      await settled();
      assert.equal(heard, 0);
    },
  },
  {
    name: 'a listener that throws is unsubscribed and counted; the others go on',
    run: async (create) => {
      const telemetry = create(limits);
      let [angry, calm] = [0, 0];
      telemetry.subscribe(() => {
        angry += 1;
        throw new Error('a listener fails');
      });
      telemetry.subscribe(() => {
        calm += 1;
      });
      for (let turn = 0; turn < 3; turn += 1) {
        telemetry.record(record('a'));
        await settled();
      }
      assert.deepEqual([angry, calm, telemetry.snapshot().failedListenerCount], [1, 3, 1]);
      telemetry.subscribe(() => {});
    },
  },
  {
    name: 'a listener may record; it hears of that later',
    run: async (create) => {
      const telemetry = create(limits);
      const batches: (readonly string[])[] = [];
      telemetry.subscribe((records) => {
        batches.push(templatesOf(records));
        if (batches.length < 3) telemetry.record(record(`answer ${batches.length}`));
      });
      telemetry.record(record('a'));
      await settled();
      assert.deepEqual(batches, [['a'], ['answer 1'], ['answer 2']]);
    },
  },
  {
    name: 'listeners beyond the bound get LIMIT_EXCEEDED until one leaves',
    run: async (create) => {
      const telemetry = create(limits);
      const unsubscribe = telemetry.subscribe(() => {});
      telemetry.subscribe(() => {});
      throwsCode('LIMIT_EXCEEDED', () => telemetry.subscribe(() => {}));
      unsubscribe();
      telemetry.subscribe(() => {});
    },
  },
  {
    name: 'random records add up to what a plain loop adds up to',
    run: (create) =>
      forSeeds(20, async (random) => {
        const bounds = { recentMax: 1 + random.below(20), templatesMax: 5, listenersMax: 1 };
        const telemetry = create(bounds);
        const records = Array.from({ length: random.below(200) }, () =>
          record(`t${random.below(5)}`, random.below(1_000) / 8, { rowCount: random.below(50) }),
        );
        for (const each of records) telemetry.record(each);
        const { recent, templates } = telemetry.snapshot();
        assert.deepEqual(recent.map(plain), records.slice(-bounds.recentMax).map(plain));
        for (const { template, count, elapsedMs, work } of templates) {
          const own = records.filter((each) => each.template === template);
          const times = own.map((each) => each.elapsedMs);
          assert.equal(count, own.length);
          assert.equal(elapsedMs.sum, sum(times), 'eighths add up exactly');
          assert.deepEqual([elapsedMs.min, elapsedMs.max], [Math.min(...times), Math.max(...times)]);
          assert.equal(elapsedMs.squares, sum(times.map((time) => time * time)));
          assert.equal(work['rowCount'], sum(own.map((each) => each.work['rowCount'] ?? 0)));
        }
      }),
  },
];

function templatesOfSummaries({ templates }: TelemetrySnapshot): readonly string[] {
  return templates.map(({ template }) => template);
}

function plain({ work, ...rest }: TelemetryRecord): unknown {
  return { ...rest, work: { ...work } };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
