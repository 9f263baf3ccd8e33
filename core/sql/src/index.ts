/** Tables and SQL in JavaScript, over a native engine that arrives as an argument. */
export * from './builder/index.js';
export { openSqlDatabase, SqlDatabase, type SqlParts } from './database.js';
export { isFragment, type SqlTag, sql } from './fragment.js';
export type {
  NativeAppender,
  NativeDatabase,
  NativeHead,
  NativeList,
  NativeOptions,
  NativeParam,
  NativeParams,
  NativePiece,
  NativePointReader,
  NativeProgress,
  NativeQuery,
  NativeQueryOptions,
  NativeSnapshot,
  NativeSql,
  NativeStarted,
  NativeStatement,
  NativeTable,
  NativeTables,
  NativeTransaction,
} from './native-face.js';
export type { SqlOptions } from './options.js';
export { openTableStore, type TableParts } from './tables/store.js';
