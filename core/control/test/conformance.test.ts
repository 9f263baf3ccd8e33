import { type ControllerFactory, controllerCases } from '@varve/conformance';
import { createController } from '@varve/control';
import type { Controller, ControlMode, IndexPolicy, Plant } from '@varve/interfaces';
import { describe, expect, it } from 'vitest';

describe('the controller', () => {
  for (const { name, run } of controllerCases) it(name, () => run(createController));
});

/** What is broken, the broken controller, and words of the case that must notice. */
const faults: readonly (readonly [string, ControllerFactory, RegExp])[] = [
  [
    'it acts in every mode',
    (parts) => withMode(createController({ ...parts, mode: 'auto' }), parts.mode),
    /never act/,
  ],
  [
    'it observes when off',
    (parts) => withMode(createController({ ...parts, mode: 'observe' }), parts.mode),
    /off/,
  ],
  [
    'it keeps whatever it tried',
    (parts) =>
      createController({ ...parts, plant: proxied(parts.plant, { setPolicy: keepingFirst(parts.plant) }) }),
    /measured and undone/,
  ],
  ['its time is its own', (parts) => createController({ ...parts, now: () => 12_345.5 }), /answers a change/],
  [
    'it never acts',
    (parts) => withMode(createController({ ...parts, mode: 'recommend' }), parts.mode),
    /answers a/,
  ],
];

describe('a planted fault', () => {
  it.each(faults)('is noticed: %s', async (_, create, noticedBy) => {
    const named = controllerCases.filter(({ name }) => noticedBy.test(name));
    expect(named).toHaveLength(1);
    await expect(Promise.all(named.map(({ run }) => run(create)))).rejects.toThrow(Error);
  });
});

function withMode(controller: Controller, mode: ControlMode): Controller {
  return {
    mode,
    step: () => controller.step(),
    request: (action, options) => controller.request(action, options),
    journal: () => controller.journal(),
  };
}

function proxied(plant: Plant, change: Partial<Plant>): Plant {
  return {
    observe: () => plant.observe(),
    policy: () => plant.policy(),
    forecast: (action) => plant.forecast(action),
    setPolicy: (policy) => plant.setPolicy(policy),
    merge: () => plant.merge(),
    ...change,
  };
}

/** Takes the first policy and no other, so that an undo is lost. */
function keepingFirst(plant: Plant): (policy: IndexPolicy) => void {
  let isSet = false;
  return (policy) => {
    if (!isSet) plant.setPolicy(policy);
    isSet = true;
  };
}
