/** The shape of an index policy; the bounds of `errorBound` are checked where the index is built. */
import { requireObject, requireWhole, shown } from '../errors/arguments.js';
import { VarveError } from '../errors/varve-error.js';
import type { IndexKind, IndexPolicy } from './controller.js';

const kinds: readonly IndexKind[] = ['auto', 'affine', 'line-probe', 's-plus-tree', 'sparse-fences'];

/** Refuses what is not an index policy. @throws VarveError ARGUMENT_INVALID */
export function requireIndexPolicy(policy: IndexPolicy): void {
  requireObject(policy, 'an index policy');
  if (!kinds.includes(policy.kind))
    throw new VarveError('ARGUMENT_INVALID', {
      message: `no index kind ${shown(policy.kind)}`,
      hint: `kinds are ${kinds.join(', ')}`,
    });
  if (policy.errorBound !== undefined) requireWhole(policy.errorBound, 'errorBound', 2 ** 32 - 1);
}
