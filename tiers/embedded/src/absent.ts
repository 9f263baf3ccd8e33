/** What other tiers have and this one lacks: absent from the types, and clear words at run time. */
import { type Module, tierCapabilities, VarveError } from '@varve/interfaces';
import { capabilities } from './limits.js';

/** The property of an open database through which each module is reached. */
const properties: Readonly<Record<Module, string>> = {
  kv: 'kv',
  sql: 'sql',
  inference: 'models',
  control: 'control',
  scheduler: 'scheduler',
  cluster: 'cluster',
  agent: 'agent',
  runtime: 'runtime',
};

/** Makes every property of an absent module answer `CAPABILITY_MISSING`. @param prototype of the open database */
export function defineAbsent(prototype: object): void {
  for (const [module, property] of Object.entries(properties) as [Module, string][]) {
    if (capabilities.modules.includes(module)) continue;
    Object.defineProperty(prototype, property, {
      configurable: true,
      get() {
        throw missing(module, property);
      },
    });
  }
}

function missing(module: Module, property: string): VarveError {
  const owners = Object.values(tierCapabilities).filter(({ modules }) => modules.includes(module));
  return new VarveError('CAPABILITY_MISSING', {
    message: `the ${capabilities.tier} tier has no "${property}": it lacks the module ${module}`,
    hint:
      owners.length > 0
        ? `use ${owners.map(({ tier }) => `@varve/${tier}`).join(' or ')}`
        : 'no tier of this version has it',
  });
}
