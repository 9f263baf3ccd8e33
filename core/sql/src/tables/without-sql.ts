/** An engine without SQL, as one that answers `CAPABILITY_MISSING` to it. */
import type { Failed } from '@varve/interfaces';
import type { NativeDatabase, NativeTables } from '../native-face.js';

const missing: Failed = {
  failure: {
    code: 'CAPABILITY_MISSING',
    message: 'this tier has no SQL',
    hint: "build the query with from('table')…, or use the pc tier (@varve/pc)",
  },
};

/** The same engine with the whole face. */
export function withoutSql(native: NativeTables): NativeDatabase {
  return {
    query: () => missing,
    queryPlan: (plan, options) => native.queryPlan(plan, options),
    prepare: async () => missing,
    explain: async () => missing,
    adapt: async () => missing,
    begin: () => native.begin(),
    snapshot: () => native.snapshot(),
    append: (table, ipc, options) => native.append(table, ipc, options),
    appender: (table, options) => native.appender(table, options),
    tables: () => native.tables(),
    describe: (table, options) => native.describe(table, options),
    pointReader: (table, key, row) => native.pointReader(table, key, row),
    close: () => native.close(),
  };
}
