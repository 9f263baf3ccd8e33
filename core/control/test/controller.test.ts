import { SimulatedPlant, type Truth } from '@varve/conformance';
import type { Action, ControlMode, Evidence, IndexPolicy, JournalEntry } from '@varve/interfaces';
import { describe, expect, it } from 'vitest';
import { createController, firstBrokenEntry } from '../src/index.js';

/** Under `spread` work the line probe is best; when reads crowd into a hard region the S+ tree is. */
const truth: Truth = {
  spread: { 'line-probe': 100, 's-plus-tree': 120, 'sparse-fences': 200 },
  crowded: { 'line-probe': 240, 's-plus-tree': 120, 'sparse-fences': 300 },
};
const lineProbe: IndexPolicy = { kind: 'line-probe', errorBound: 31 };

function rig({ mode = 'auto', ...rest }: { mode?: ControlMode; firstSignal?: Evidence } = {}) {
  const plant = new SimulatedPlant(truth, { workload: 'spread', policy: lineProbe });
  let timeMs = 0;
  const controller = createController({ plant, now: () => ++timeMs, mode, ...rest });
  /** Lets `count` windows pass, each lookup walking `lines` cache lines. */
  const pass = async (count: number, lines: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      plant.serve(300, lines);
      await controller.step();
    }
  };
  return { plant, controller, pass };
}

const stages = (journal: readonly JournalEntry[]): readonly string[] => journal.map((entry) => entry.stage);

describe('the loop', () => {
  it('answers a workload change with the better kind, and keeps it for its measured gain', async () => {
    const { plant, controller, pass } = rig();
    await pass(8, 1);
    expect(controller.journal()).toEqual([]);
    plant.workload = 'crowded';
    await pass(12, 1.9);
    const journal = controller.journal();
    expect(stages(journal)).toEqual(['PROPOSED', 'SHADOW', 'CANARY', 'LIVE']);
    expect(plant.policy().kind).toBe('s-plus-tree');
    expect(journal.at(-1)).toMatchObject({
      evidence: { signal: 'drift', threshold: 1.5 },
      undo: { type: 'index-policy', policy: lineProbe },
      predictedGain: 120,
      measuredGain: 120,
    });
  });

  it('undoes a planted bad decision', async () => {
    const { plant, controller, pass } = rig();
    await pass(4, 1);
    const bad: Action = { type: 'index-policy', policy: { kind: 'sparse-fences' } };
    await controller.request(bad, { predictedGain: 50 });
    expect(plant.policy().kind).toBe('sparse-fences');
    await pass(4, 1);
    expect(stages(controller.journal())).toEqual(['PROPOSED', 'SHADOW', 'CANARY', 'REVERTED']);
    expect(controller.journal().at(-1)).toMatchObject({ predictedGain: 50, measuredGain: -100 });
    expect(plant.merges).toEqual([{ kind: 'sparse-fences' }, lineProbe]);
  });

  it('undoes its own decision when the forecast lied, and does not repeat it while it cools down', async () => {
    const { plant, controller, pass } = rig();
    await pass(3, 1);
    plant.lies['sparse-fences'] = 10;
    await pass(12, 1.9);
    const tried = controller.journal().filter((entry) => entry.stage === 'REVERTED');
    expect(tried.map((entry) => entry.action)).toEqual([
      { type: 'index-policy', policy: { kind: 'sparse-fences' } },
    ]);
    expect(plant.policy()).toEqual(lineProbe);
  });

  it('merges a delta that costs over a fifth of read time', async () => {
    const { plant, controller, pass } = rig();
    plant.deltaNs = 40;
    await pass(10, 1);
    expect(plant.merges).toEqual([lineProbe]);
    expect(controller.journal().at(-1)).toMatchObject({
      stage: 'LIVE',
      action: { type: 'merge' },
      evidence: { signal: 'delta-share' },
    });
  });

  it('answers changed hardness once per crossing, also when it crosses before there is a baseline', async () => {
    const { plant, controller, pass } = rig();
    plant.hardness = 60_000;
    plant.workload = 'crowded';
    await pass(10, 1);
    expect(controller.journal().at(-1)).toMatchObject({ stage: 'LIVE', evidence: { signal: 'hardness' } });
    expect(plant.merges).toEqual([{ kind: 's-plus-tree' }]);
  });

  it('answers a signal known before the first window once there is a baseline', async () => {
    const firstSignal: Evidence = { signal: 'hardware', value: 1, threshold: 0, history: [] };
    const { plant, controller, pass } = rig({ firstSignal });
    plant.workload = 'crowded';
    await pass(3, 1);
    expect(controller.journal()).toEqual([]);
    await pass(5, 1);
    expect(stages(controller.journal())).toEqual(['PROPOSED', 'SHADOW', 'CANARY', 'LIVE']);
    expect(controller.journal().at(-1)?.evidence).toEqual(firstSignal);
  });

  const modes: readonly [ControlMode, readonly string[]][] = [
    ['off', []],
    ['observe', ['PROPOSED']],
    ['recommend', ['PROPOSED', 'SHADOW']],
    ['auto', ['PROPOSED', 'SHADOW', 'CANARY', 'LIVE']],
  ];
  for (const [mode, expected] of modes) {
    it(`goes as far as mode ${mode} allows`, async () => {
      const { plant, controller, pass } = rig({ mode });
      plant.workload = 'crowded';
      await pass(12, 1.9);
      expect(stages(controller.journal())).toEqual(expected);
      expect(plant.merges.length).toBe(mode === 'auto' ? 1 : 0);
    });
  }

  it('rejects a remedy that gains too little', async () => {
    const { plant, controller, pass } = rig();
    await pass(8, 1.9);
    expect(stages(controller.journal())).toEqual(['PROPOSED', 'SHADOW', 'REJECTED']);
    expect(plant.merges).toEqual([]);
  });

  it('restores the policy when a merge fails', async () => {
    const { plant, controller, pass } = rig();
    await pass(4, 1);
    plant.mergeFailure = new Error('disk full');
    const bad: Action = { type: 'index-policy', policy: { kind: 's-plus-tree' } };
    await expect(controller.request(bad, { predictedGain: 50 })).rejects.toThrow('disk full');
    expect(plant.policy()).toEqual(lineProbe);
    expect(controller.journal().at(-1)).toMatchObject({ stage: 'REVERTED' });
  });

  it('keeps one action on trial at a time', async () => {
    const { plant, controller, pass } = rig();
    await pass(4, 1);
    await Promise.all([
      controller.request({ type: 'index-policy', policy: { kind: 's-plus-tree' } }, { predictedGain: 1 }),
      controller.request({ type: 'index-policy', policy: { kind: 'sparse-fences' } }, { predictedGain: 1 }),
    ]);
    expect(plant.merges).toEqual([{ kind: 's-plus-tree' }]);
    expect(controller.journal().at(-1)).toMatchObject({ stage: 'REJECTED', decision: 1 });
  });

  it('seals its journal', async () => {
    const { plant, controller, pass } = rig();
    plant.workload = 'crowded';
    await pass(12, 1.9);
    const journal = controller.journal();
    expect(firstBrokenEntry(journal)).toBe(-1);
    expect(firstBrokenEntry(journal.with(2, { ...entryAt(journal, 2), predictedGain: 1e6 }))).toBe(2);
    expect(firstBrokenEntry([...journal.slice(0, 1), ...journal.slice(2)])).toBe(1);
  });
});

function entryAt(journal: readonly JournalEntry[], index: number): JournalEntry {
  const entry = journal[index];
  if (entry === undefined) throw new Error(`no entry ${index}`);
  return entry;
}
