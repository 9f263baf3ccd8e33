export {
  type BytesLimit,
  type Capabilities,
  type Compute,
  type Contract,
  type CountLimit,
  type Device,
  type Energy,
  type EnergySource,
  type Limits,
  type Memory,
  type Module,
  type Network,
  type Storage,
  type Target,
  type Tier,
  type TimeLimit,
  tierCapabilities,
  type Unit,
} from './capability/capabilities.js';
export type {
  Action,
  Controller,
  ControlMode,
  CostWeights,
  Evidence,
  Forecast,
  IndexKind,
  IndexPolicy,
  JournalEntry,
  Observation,
  Plant,
  SegmentObservation,
  Stage,
} from './control/controller.js';
export { requireIndexPolicy } from './control/require-index-policy.js';
export { requireObject, requirePath, requireWhole, shown } from './errors/arguments.js';
export { type ErrorCode, errorCodes } from './errors/error-codes.js';
export { VarveError, type VarveErrorDetails } from './errors/varve-error.js';
export type {
  LoadedModel,
  LoadModelOptions,
  ModelDescription,
  ModelFormat,
  ModelRuntime,
} from './model/model-runtime.js';
export {
  type Clock,
  type Disk,
  delayMsMax,
  type MemoryGauge,
  type MemoryPressure,
  memoryPressureFrom,
  type Platform,
  type Random,
} from './platform/platform.js';
export type { DurableLog, LoggedCommit } from './store/durable-log.js';
export {
  type Acknowledgement,
  createPacked,
  type Damage,
  type Durability,
  type KeyValueStore,
  type Packed,
  type PackedKey,
  type PackedOperation,
  type PackedRange,
  type PackedScan,
  packedMissing,
  type RepairReport,
  type SegmentStats,
  type StoreControl,
  type StoreEvent,
  type StoreJob,
  type StoreSnapshot,
  type StoreStats,
  type VerifyReport,
  type ViewOptions,
} from './store/key-value-store.js';
export {
  type Telemetry,
  type TelemetryLimits,
  type TelemetryListener,
  type TelemetryRecord,
  type TelemetrySnapshot,
  type TemplateSummary,
  telemetryNameLengthMax,
  workNamesMax,
} from './telemetry/telemetry.js';
