/** The suites by name. */
import { kv } from './kv/suite.js';
import { learnedIndex } from './learned-index.js';
import type { Suite } from './result.js';
import { tier } from './tier/suite.js';
import { tiny } from './tiny/suite.js';

export const suites: Readonly<Record<string, Suite>> = { index: learnedIndex, kv, tier, tiny };
