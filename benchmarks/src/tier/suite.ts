/**
 * Suite `tier`: does the embedded tier fit a small board?
 *
 * The size of its addon, the memory that an idle database adds to a Node process, and a process that may hold 64 MiB
 * and serves ten times as much. Each memory figure comes from a fresh process. Excluded: Node's own memory where the
 * figure is named as added.
 */
import { addon } from '../addon.js';
import type { Suite } from '../result.js';
import { idle } from './idle.js';
import { limited } from './limited.js';

export const tier: Suite = {
  parts: { addon: ({ size }) => Promise.resolve([addon('embedded', size)]), idle, limited },
};
