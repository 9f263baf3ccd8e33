/** Which actions answer which signal. */
import type { Action, Evidence, IndexPolicy } from '@varve/interfaces';

/** Every index policy worth a forecast, the default first. */
const policies: readonly IndexPolicy[] = [
  { kind: 'auto' },
  { kind: 'line-probe', errorBound: 15 },
  { kind: 'line-probe', errorBound: 31 },
  { kind: 's-plus-tree' },
  { kind: 'sparse-fences' },
];

/**
 * Lists the actions that may cure what a signal shows.
 *
 * A delta is cured by merging it away; drift and changed hardness by another kind or error bound.
 */
export function candidates(evidence: Evidence, present: IndexPolicy): readonly Action[] {
  if (evidence.signal === 'delta-share') return [{ type: 'merge' }];
  return policies
    .filter((policy) => policy.kind !== present.kind || policy.errorBound !== present.errorBound)
    .map((policy) => ({ type: 'index-policy', policy }));
}
