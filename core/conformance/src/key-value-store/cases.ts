/** The suite of the key-value store, in the order in which its failures are best read. */
import type { Case } from '../case.js';
import { argumentCases } from './argument-cases.js';
import { commitCases } from './commit-cases.js';
import type { StoreFactory } from './factory.js';
import { historyCases } from './history-cases.js';
import { lifecycleCases } from './lifecycle-cases.js';
import { readCases } from './read-cases.js';
import { scanCases } from './scan-cases.js';
import { snapshotCases } from './snapshot-cases.js';

/** Every promise of `KeyValueStore`, and of its lifecycle. */
export const keyValueStoreCases: readonly Case<StoreFactory>[] = [
  ...commitCases,
  ...readCases,
  ...scanCases,
  ...snapshotCases,
  ...lifecycleCases,
  ...argumentCases,
  ...historyCases,
];
