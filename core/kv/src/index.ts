export type { ControlOptions } from './control/running-control.js';
export type { Decoded, EncodingName } from './encodings.js';
export type { IndexCandidate, IndexCurve, IndexTrial } from './index-study.js';
export {
  type ImportOptions,
  type ImportProgress,
  type ImportTarget,
  type InterruptedImport,
  importLevel,
  interruptedImport,
} from './log/import-level.js';
export { LevelLog, type LogStats } from './log/level-log.js';
export type { LevelLogOptions } from './log/level-options.js';
export type { LogVerifyReport } from './log/verify-level.js';
export type { RepairOptions, StoreOptions } from './options.js';
export { repairStore, VarveStore, type VarveStoreOptions, type WriteOptions } from './varve-store.js';
