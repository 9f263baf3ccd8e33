/** The suites by name. */
import { kv } from './kv/suite.js';
import { learnedIndex } from './learned-index.js';
import type { Suite } from './result.js';
import { sql } from './sql/suite.js';
import { tier } from './tier/suite.js';
import { tiny } from './tiny/suite.js';

export const suites: Readonly<Record<string, Suite>> = { index: learnedIndex, kv, sql, tier, tiny };
