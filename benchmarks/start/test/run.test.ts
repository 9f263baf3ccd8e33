/** The whole main job at a small size: its numbers must add up, and a second run must find the first. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printOutcome } from '../src/embedded/print.js';
import { type Outcome, runEmbedded } from '../src/embedded/run.js';
import { renderReport } from '../src/report/page.js';

const rows = 6000;
const folder = mkdtempSync(join(tmpdir(), 'varve-start-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let first: Outcome;
beforeAll(async () => {
  first = await runEmbedded({ folder: join(folder, 'run'), rowCountMax: rows, keysPerRound: 1000 });
}, 120_000);

describe('a first run', () => {
  it('stores every departure in verified segments', () => {
    const { summary } = first;
    expect(first.again).toBeUndefined();
    expect(summary.rows).toBe(rows);
    const sum = (of: (segment: (typeof summary.segments)[number]) => number) =>
      summary.segments.reduce((total, segment) => total + of(segment), 0);
    expect(sum(({ entryCount }) => entryCount)).toBe(rows);
    expect(sum(({ fileBytes }) => fileBytes)).toBeLessThan(summary.bytes.varve);
    expect(summary.segments.length).toBeLessThanOrEqual(4);
  });

  it('compared answers before it timed them, and timed every index', () => {
    const { summary } = first;
    expect(summary.comparedAnswers).toBe(3 * 1000 + 1);
    for (const { varveNs, levelNs } of summary.reads) {
      expect(varveNs).toBeGreaterThan(0);
      expect(levelNs).toBeGreaterThan(0);
    }
    for (const { candidates, indexKind } of summary.segments) {
      expect(candidates.filter(({ isLive }) => isLive).map(({ kind }) => kind)).toEqual([indexKind]);
      const kinds = candidates.map(({ kind }) => kind);
      expect(kinds).toEqual(expect.arrayContaining(['binary-search', 's-plus-tree']));
      for (const { nsPerLookup } of candidates) expect(nsPerLookup).toBeGreaterThan(0);
    }
  });

  it('counts single calls in its histograms, and draws a rising curve', () => {
    const { latencies, curve } = first.summary;
    for (const { buckets, count, p50Ns, p99Ns, p999Ns } of [latencies.varve, latencies.level]) {
      expect(buckets.reduce((total, calls) => total + calls, 0)).toBe(count);
      expect(p50Ns).toBeLessThanOrEqual(p99Ns);
      expect(p99Ns).toBeLessThanOrEqual(p999Ns);
    }
    expect(curve.every(({ position }, at) => at === 0 || position > (curve[at - 1]?.position ?? 0))).toBe(
      true,
    );
  });

  // The figures come from the file by another reader, pyarrow, sorted there.
  it('answers as the file says', () => {
    const { point, range, batch } = first.summary.answers;
    expect(point).toEqual({ flight: '2001-01-01 09:30 DAL → ABQ', delay: 8, distance: 580 });
    expect(range.departures).toBe(889);
    expect(range.meanDelay).toBeCloseTo(12.841394825646795, 9);
    expect(batch).toMatchObject({ asked: 1000, found: 1000 });
  });

  it('scores every departure, and judges the scores beside baselines', () => {
    const { model } = first.summary;
    expect(model).toMatchObject({ isUnseen: false, scoredRows: rows, trees: 60 });
    if (model === undefined) return;
    expect(model.tenths.length).toBe(10);
    expect(model.rmse.model).toBeLessThan(model.rmse.mean);
    // What the model finds riskier comes later: the last tenth beside the first.
    expect(model.tenths[9]?.actual).toBeGreaterThan(model.tenths[0]?.actual ?? Infinity);
    expect(model.late.riskiest).toBeGreaterThan(model.late.all);
  });

  it('leaves the database and its summary, and nothing of the rival', () => {
    expect(readdirSync(join(folder, 'run')).toSorted()).toEqual(['flights', 'lock', 'summary.json']);
  });

  it('tells all of it in a report that asks nothing of the network', async () => {
    const html = await renderReport(first.summary);
    expect(html).not.toMatch(/(?:src|href)=|url\(|@import|<script/);
    expect(html.match(/<svg /g)?.length).toBeGreaterThanOrEqual(8);
    expect(html).toContain(printedRows(rows));
    expect(html).not.toMatch(/undefined|NaN/);
    expect(printOutcome(first)).not.toMatch(/undefined|NaN/);
  });
});

it('a second run answers from the same database at once', async () => {
  const second = await runEmbedded({ folder: join(folder, 'run'), rowCountMax: rows, keysPerRound: 1000 });
  expect(second.again).toMatchObject({ checked: 5000 });
  expect(second.summary).toEqual(JSON.parse(JSON.stringify(first.summary)));
});

it('what an interrupted run left is emptied and done again', async () => {
  const broken = join(folder, 'run');
  rmSync(join(broken, 'summary.json'));
  const again = await runEmbedded({ folder: broken, rowCountMax: 2000, keysPerRound: 1000 });
  expect(again.again).toBeUndefined();
  expect(again.summary.rows).toBe(2000);
  expect(existsSync(join(broken, 'summary.json'))).toBe(true);
}, 120_000);

function printedRows(count: number): string {
  return count.toLocaleString('en-US');
}
