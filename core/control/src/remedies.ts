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
 * A delta is cured by merging it away; drift and changed hardness by another kind or error bound; changed
 * hardware also by the present policy, since `auto` measures anew.
 */
export function candidates(evidence: Evidence, present: IndexPolicy): readonly Action[] {
  if (evidence.signal === 'delta-share') return [{ type: 'merge' }];
  return policies
    .filter((policy) => evidence.signal === 'hardware' || !isSame(policy, present))
    .map((policy) => ({ type: 'index-policy', policy }));
}

function isSame(a: IndexPolicy, b: IndexPolicy): boolean {
  return a.kind === b.kind && a.errorBound === b.errorBound;
}
