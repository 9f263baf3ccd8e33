/**
 * Parses the capabilities.json of a tier.
 *
 * The schema is in `schema/`; the types live in `@varve/interfaces` and `varve_types`, generated from it.
 * Nothing here needs ajv: the validator was generated ahead of time.
 */
import { type Capabilities, type Module, type Tier, tierCapabilities, VarveError } from '@varve/interfaces';
import { validateCapabilities } from './generated/validate-capabilities.js';

/**
 * Checks that `data` is the content of a capabilities file.
 *
 * @param data what `JSON.parse` returned; never trusted
 * @returns the same object, typed
 * @throws VarveError ARGUMENT_INVALID naming the first offending path
 */
export function parseCapabilities(data: unknown): Capabilities {
  if (validateCapabilities(data)) return data as Capabilities;
  const [first] = validateCapabilities.errors ?? [];
  const where = first === undefined || first.instancePath === '' ? 'the file' : first.instancePath;
  throw new VarveError('ARGUMENT_INVALID', {
    message: `${where} ${first?.message ?? 'is not valid'}${detail(first?.params)}`,
    hint: 'Compare with capability-matrix/schema/capabilities.schema.json.',
  });
}

/** The tiers that contain `module`, smallest first; the hint of CAPABILITY_MISSING names them. */
export function tiersWith(module: Module): readonly Tier[] {
  return Object.values(tierCapabilities)
    .filter(({ modules }) => modules.includes(module))
    .map(({ tier }) => tier);
}

function detail(params: object | undefined): string {
  const words = Object.values(params ?? {}).filter(
    (value) => typeof value === 'string' || Array.isArray(value),
  );
  return words.length === 0 ? '' : ` (${words.flat().join(', ')})`;
}
