/**
 * The loop on a real store. Decisions go by counts (lines of separators compared), so that a busy machine changes
 * none of them; what the clock says is recorded, and not judged.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstBrokenEntry } from '@varve/control';
import type { IndexPolicy, JournalEntry } from '@varve/interfaces';
import { type ControlOptions, VarveStore } from '@varve/kv';
import { describe, expect, it } from 'vitest';
import { freshLocation } from './temporary.js';

type Store = VarveStore<Uint8Array, Uint8Array>;

/** A wide bound, right for evenly spaced keys, walks long in a region that swings within it. */
const wideProbe: IndexPolicy = { kind: 'line-probe', errorBound: 255 };

/** Only counts decide; the test takes every step itself. */
const byCounts: ControlOptions = {
  stepMs: 0,
  samplesPerWindow: 48,
  weights: { latency: 0, bytes: 0, variance: 0, lines: 100 },
};

/** Values of which one fills a block, so that every record has a separator of its own. */
const value = new Uint8Array(2_100).fill(7);
const evenCount = 4_500;
const swingingCount = 1_500;

/** Evenly spaced keys, then a region whose density swings: its positions stray ±100 from any line. */
const keys: readonly number[] = [
  ...Array.from({ length: evenCount }, (_, at) => at * 1_000),
  ...Array.from(
    { length: swingingCount },
    (_, at) => 10_000_000 + at * 1_000 + Math.round(100_000 * Math.sin((2 * Math.PI * at) / 750)),
  ),
];
const all: readonly [from: number, count: number] = [0, keys.length];
const swinging: readonly [from: number, count: number] = [evenCount, swingingCount];

async function openAt(location: string, control: ControlOptions = {}): Promise<Store> {
  const db: Store = new VarveStore(location, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    durability: 'fast',
    indexPolicy: wideProbe,
    control: { ...byCounts, ...control },
  });
  await db.open();
  return db;
}

async function loadedStore(location = freshLocation(), control: ControlOptions = {}): Promise<Store> {
  const db = await openAt(location, control);
  for (let from = 0; from < keys.length; from += 500)
    await db.commit(keys.slice(from, from + 500).map((key) => ({ type: 'put', key, value })));
  await db.compact();
  return db;
}

const out = new Uint8Array(value.length);

/** Reads a region evenly until `windows` windows have closed, a step after each. */
async function read(db: Store, [from, count]: readonly [number, number], windows: number): Promise<void> {
  let at = 0;
  for (let window = 0; window < windows; window++) {
    const { sampledLookups } = db.stats();
    while (db.stats().sampledLookups < sampledLookups + 48)
      for (let reads = 0; reads < 1_024; reads++) {
        // 787 is prime to both counts: every key of the region comes up equally often.
        at = (at + 787) % count;
        if (db.getInto(keys[from + at] as number, out) !== value.length) throw new Error('a key is missing');
      }
    await db.control.step();
  }
}

const stagesOf = (journal: readonly JournalEntry[]): readonly string[] => journal.map(({ stage }) => stage);

function liveIndex(db: Store): string {
  return db
    .stats()
    .segments.map(({ indexKind, indexErrorBound }) => `${indexKind} ${indexErrorBound}`)
    .join(', ');
}

describe('the loop of a store', () => {
  it('answers a changed workload with another index, keeps it for its gain, and undoes a planted bad decision', async () => {
    const db = await loadedStore();
    expect(liveIndex(db)).toBe('line-probe 255');

    // As built: nothing to decide.
    await db.control.step();
    await read(db, all, 6);
    expect(db.control.journal()).toEqual([]);

    // The work moves into the region where the index walks.
    await read(db, swinging, 12);
    const journal = db.control.journal();
    expect(stagesOf(journal)).toEqual(['PROPOSED', 'SHADOW', 'CANARY', 'LIVE']);
    const last = journal.at(-1) as JournalEntry;
    expect(last.evidence).toMatchObject({ signal: 'drift', threshold: 1.5 });
    expect(last.evidence.value).toBeGreaterThan(1.5);
    expect(last.predictedGain).toBeGreaterThan(100);
    expect(last.measuredGain).toBeGreaterThan(0.5 * (last.predictedGain as number));
    expect(last.undo).toEqual({ type: 'index-policy', policy: wideProbe });
    expect(liveIndex(db)).not.toBe('line-probe 255');

    // A decision that promises what it cannot hold.
    await read(db, swinging, 3);
    const bad = { type: 'index-policy', policy: wideProbe } as const;
    const decision = await db.control.request(bad, { predictedGain: 1_000 });
    expect(liveIndex(db)).toBe('line-probe 255');
    await read(db, swinging, 4);
    const undone = db.control.journal().filter((entry) => entry.decision === decision);
    expect(stagesOf(undone)).toEqual(['PROPOSED', 'SHADOW', 'CANARY', 'REVERTED']);
    expect(undone.at(-1)?.measuredGain).toBeLessThan(0);
    // The policy comes back, not the very index: what the loop chose may be `auto`, which measures anew by the clock.
    expect(undone.at(-1)?.undo).toEqual(last.action);
    expect(liveIndex(db)).not.toBe('line-probe 255');
    expect(firstBrokenEntry(db.control.journal())).toBe(-1);
    await db.close();
  }, 120_000);

  it('keeps journal and policy beyond the process, and believes no line that was changed', async () => {
    const location = freshLocation();
    const file = join(location, 'control-journal.jsonl');
    const tree: IndexPolicy = { kind: 's-plus-tree' };
    let db = await loadedStore(location);
    await db.control.step();
    // A third window would be drift, of which the loop makes a decision of its own: by time, not by counts.
    await read(db, swinging, 2);
    await db.control.request({ type: 'index-policy', policy: tree }, { predictedGain: 1 });
    await read(db, swinging, 4);
    const journal = db.control.journal();
    expect(journal.at(-1)).toMatchObject({ stage: 'LIVE', action: { policy: tree } });
    await db.close();

    db = await openAt(location);
    expect(db.control.journal()).toEqual(journal);
    await db.put(new Uint8Array([1]), value);
    await db.compact();
    expect(liveIndex(db)).toBe('s-plus-tree 0');
    await db.close();

    // Cut off in the middle of a line, as a crash would.
    appendFileSync(file, '{"sequence": 4, "deci');
    db = await openAt(location);
    expect(db.control.journal()).toEqual(journal);
    await db.close();
    expect(readFileSync(file, 'utf8')).not.toContain('"deci\n');

    // Somebody improves on the gain.
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"measuredGain":[-0-9.]+/, '"measuredGain":1e9'));
    db = await openAt(location);
    expect(db.control.journal()).toEqual(journal.slice(0, -1));
    await db.close();
  }, 120_000);

  it('chooses anew on changed hardware', async () => {
    const location = freshLocation();
    await (await loadedStore(location)).close();
    const file = join(location, 'control-journal.jsonl');
    expect(readFileSync(file, 'utf8')).toMatch(/^\{"hardware":".+"\}\n$/);
    writeFileSync(file, '{"hardware":"another machine"}\n');
    const db = await openAt(location);
    await db.control.step();
    await read(db, all, 8);
    expect(db.control.journal()[0]).toMatchObject({ stage: 'PROPOSED', evidence: { signal: 'hardware' } });
    await db.close();
  }, 120_000);

  it('leaves no trace when it is off, and runs by itself when it is not', async () => {
    const off = await loadedStore(undefined, { mode: 'off' });
    await read(off, swinging, 5);
    expect(off.control.journal()).toEqual([]);
    expect(existsSync(join(off.location, 'control-journal.jsonl'))).toBe(false);
    await off.close();

    const on = await loadedStore(undefined, { stepMs: 1 });
    while (on.control.journal().length === 0) {
      for (let reads = 0; reads < 20_000; reads++)
        on.getInto(keys[evenCount + (reads % swingingCount)] as number, out);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(on.control.journal()[0]).toMatchObject({ stage: 'PROPOSED', evidence: { signal: 'drift' } });
    await on.close();
  }, 120_000);

  it('refuses a mode that there is not', async () => {
    const db = new VarveStore(freshLocation(), { control: 'sometimes' as never });
    await expect(db.open()).rejects.toMatchObject({ cause: { code: 'ARGUMENT_INVALID' } });
  });
});
