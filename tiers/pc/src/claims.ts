/** What this tier claims, as capabilities.json says it. */
import { type Capabilities, tierCapabilities } from '@varve/interfaces';

/** What the tier claims: device, modules, contracts, limits, targets. */
export const capabilities: Capabilities = claims();

function claims(): Capabilities {
  const { pc } = tierCapabilities;
  if (pc === undefined) throw new Error('the generated capabilities lack the pc tier');
  return pc;
}
