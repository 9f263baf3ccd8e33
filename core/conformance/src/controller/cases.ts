/** The suite of a controller, on a plant whose truth is known. What it decides by is its own affair. */
import assert from 'node:assert/strict';
import type {
  Action,
  Controller,
  ControlMode,
  IndexPolicy,
  JournalEntry,
  Plant,
  Stage,
} from '@varve/interfaces';
import type { Case } from '../case.js';
import { SimulatedPlant, type Truth } from '../simulated/simulated-plant.js';

/** Makes a controller of a plant. `now` is ms since the epoch. */
export type ControllerFactory = (parts: {
  readonly plant: Plant;
  readonly now: () => number;
  readonly mode: ControlMode;
}) => Controller;

/** Under `spread` work the line probe is best; when reads crowd into a hard region the S+ tree is. */
const truth: Truth = {
  spread: { 'line-probe': 100, 's-plus-tree': 120, 'sparse-fences': 200 },
  crowded: { 'line-probe': 240, 's-plus-tree': 120, 'sparse-fences': 300 },
};
const lineProbe: IndexPolicy = { kind: 'line-probe', errorBound: 31 };
const fences: Action = { type: 'index-policy', policy: { kind: 'sparse-fences' } };

/** Stages in the order in which a decision may pass through them. */
const order: readonly Stage[] = [
  'PROPOSED',
  'WHAT-IF',
  'SHADOW',
  'CANARY',
  'LIVE',
  'REJECTED',
  'REVERTED',
  'RETIRED',
];
const last: readonly Stage[] = ['LIVE', 'REJECTED', 'REVERTED', 'RETIRED'];

function rig(create: ControllerFactory, mode: ControlMode) {
  const plant = new SimulatedPlant(truth, { workload: 'spread', policy: lineProbe });
  let timeMs = 1_000;
  const controller = create({ plant, now: () => (timeMs += 10), mode });
  /** Lets windows pass, each lookup walking `lines` cache lines. */
  const pass = async (windows: number, lines: number): Promise<void> => {
    for (let window = 0; window < windows; window += 1) {
      plant.serve(5_000, lines);
      await controller.step();
    }
  };
  return { plant, controller, pass };
}

/** Drives a workload change that calls for another index. */
async function drift(create: ControllerFactory, mode: ControlMode) {
  const parts = rig(create, mode);
  await parts.pass(10, 1);
  parts.plant.workload = 'crowded';
  await parts.pass(40, 1.9);
  return parts;
}

/** Numbering, time and stages hold for every journal. */
function checkJournal(journal: readonly JournalEntry[]): void {
  const reached = new Map<number, Stage>();
  for (const [at, { sequence, decision, timeMs, stage, hash }] of journal.entries()) {
    assert.equal(sequence, (journal[0]?.sequence ?? 0) + at, 'entries are numbered without gaps');
    assert.ok(
      timeMs >= (journal[at - 1]?.timeMs ?? 0) && timeMs % 10 === 0,
      'time comes from the injected clock',
    );
    assert.match(hash, /^[0-9a-f]{64}$/);
    const before = reached.get(decision);
    if (before === undefined) assert.equal(stage, 'PROPOSED', 'a decision begins as a proposal');
    else {
      assert.ok(!last.includes(before) || before === 'LIVE', `nothing follows ${before}`);
      assert.ok(order.indexOf(stage) > order.indexOf(before), `${stage} follows ${before}`);
    }
    reached.set(decision, stage);
  }
  assert.equal(new Set(journal.map(({ hash }) => hash)).size, journal.length, 'every seal is its own');
}

/** Every promise of `Controller`. */
export const controllerCases: readonly Case<ControllerFactory>[] = [
  {
    name: 'off reads nothing and does nothing',
    run: async (create) => {
      let observed = 0;
      const plant = new SimulatedPlant(truth, { workload: 'crowded', policy: lineProbe });
      const watched: Plant = {
        observe: () => {
          observed += 1;
          return plant.observe();
        },
        policy: () => plant.policy(),
        forecast: (action) => plant.forecast(action),
        setPolicy: (policy) => plant.setPolicy(policy),
        merge: () => plant.merge(),
      };
      const controller = create({ plant: watched, now: () => 0, mode: 'off' });
      assert.equal(controller.mode, 'off');
      for (let step = 0; step < 20; step += 1) {
        plant.serve(5_000, 1.9);
        await controller.step();
      }
      assert.deepEqual([observed, controller.journal()], [0, []]);
    },
  },
  {
    name: 'observe and recommend never act, whatever they see',
    run: async (create) => {
      for (const mode of ['observe', 'recommend'] as const) {
        const { plant, controller } = await drift(create, mode);
        assert.equal(controller.mode, mode);
        assert.ok(controller.journal().length > 0, 'the evidence is on record');
        assert.deepEqual([plant.merges, plant.policy()], [[], lineProbe]);
        checkJournal(controller.journal());
        assert.ok(controller.journal().every(({ stage }) => stage !== 'CANARY' && stage !== 'LIVE'));
      }
    },
  },
  {
    name: 'steady work that the index fits is left alone',
    run: async (create) => {
      const { plant, controller, pass } = rig(create, 'auto');
      await pass(50, 1);
      assert.deepEqual([controller.journal(), plant.merges], [[], []]);
    },
  },
  {
    name: 'auto answers a change of work, and keeps what gained half of the prediction',
    run: async (create) => {
      const { plant, controller } = await drift(create, 'auto');
      assert.equal(plant.policy().kind, 's-plus-tree');
      const journal = controller.journal();
      checkJournal(journal);
      const kept = journal.find(({ stage }) => stage === 'LIVE');
      assert.ok(
        kept?.predictedGain !== undefined && kept.measuredGain !== undefined,
        'both gains are on record',
      );
      assert.ok(kept.measuredGain >= kept.predictedGain / 2);
      assert.deepEqual(kept.undo, { type: 'index-policy', policy: lineProbe });
      assert.ok(kept.evidence.history.length > 0);
    },
  },
  {
    name: 'a bad decision is measured and undone',
    run: async (create) => {
      const { plant, controller, pass } = rig(create, 'auto');
      await pass(6, 1);
      const decision = await controller.request(fences, { predictedGain: 50 });
      assert.equal(plant.policy().kind, 'sparse-fences', 'it was tried');
      await pass(12, 1);
      assert.deepEqual(plant.policy(), lineProbe, 'it was undone');
      const own = controller.journal().filter((entry) => entry.decision === decision);
      assert.deepEqual([own[0]?.stage, own.at(-1)?.stage], ['PROPOSED', 'REVERTED']);
      assert.equal(own.at(-1)?.predictedGain, 50);
      assert.ok((own.at(-1)?.measuredGain ?? 0) < 25);
      checkJournal(controller.journal());
    },
  },
  {
    name: 'one action is on trial at a time',
    run: async (create) => {
      const { plant, controller, pass } = rig(create, 'auto');
      await pass(6, 1);
      const tree: Action = { type: 'index-policy', policy: { kind: 's-plus-tree' } };
      const decisions = await Promise.all([
        controller.request(fences, { predictedGain: 1 }),
        controller.request(tree, { predictedGain: 1 }),
      ]);
      assert.equal(new Set(decisions).size, 2);
      assert.equal(plant.merges.length, 1);
      checkJournal(controller.journal());
    },
  },
  {
    name: 'the journal is a copy that only grows',
    run: async (create) => {
      const { controller, pass } = rig(create, 'auto');
      await pass(6, 1);
      await controller.request(fences, { predictedGain: 50 });
      const before = controller.journal();
      const text = JSON.stringify(before);
      await pass(12, 1);
      assert.equal(JSON.stringify(before), text);
      const after = controller.journal();
      assert.ok(after.length > before.length);
      assert.equal(JSON.stringify(after.slice(0, before.length)), text);
    },
  },
];
