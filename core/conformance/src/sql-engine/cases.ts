/** The suite of SQL, in the order in which its failures are best read. */
import type { Case } from '../case.js';
import { appendCases } from './append-cases.js';
import type { SqlFactory } from './factory.js';
import { lifecycleCases } from './lifecycle-cases.js';
import { queryCases } from './query-cases.js';
import { transactionCases } from './transaction-cases.js';

/** Every promise of `SqlEngine`. */
export const sqlEngineCases: readonly Case<SqlFactory>[] = [
  ...queryCases,
  ...appendCases,
  ...transactionCases,
  ...lifecycleCases,
];
