/** What this tier claims, as capabilities.json says it. */
import { type Capabilities, tierCapabilities } from '@varve/interfaces';

/** What the tier claims: device, modules, contracts, limits, targets. */
export const capabilities: Capabilities = claims();

function claims(): Capabilities {
  const { mobile } = tierCapabilities;
  if (mobile === undefined) throw new Error('the generated capabilities lack the mobile tier');
  return mobile;
}
