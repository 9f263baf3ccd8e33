export type { Case } from './case.js';
export { type ControllerFactory, controllerCases } from './controller/cases.js';
export { durableLogCases } from './durable-log/cases.js';
export type { LogFactory, LogPlace } from './durable-log/factory.js';
export { keyValueStoreCases } from './key-value-store/cases.js';
export type { StoreFactory, StoreUnderTest } from './key-value-store/factory.js';
export { type ModelRuntimeFactory, modelRuntimeCases } from './model-runtime/cases.js';
export { planEngineCases } from './plan-engine/cases.js';
export type { PlanFactory, PlanSubject } from './plan-engine/factory.js';
export { type PlatformFactory, type PlatformUnderTest, platformCases } from './platform/cases.js';
export { ReferenceLog, type ReferenceLogPlace } from './reference/durable-log.js';
export {
  type ReferenceEntry,
  ReferencePlace,
  type ReferenceState,
  ReferenceStore,
  referenceLimits,
} from './reference/key-value-store.js';
export { createSeededRandom, forSeeds, type SeededRandom } from './simulated/seeded-random.js';
export { SimulatedClock } from './simulated/simulated-clock.js';
export { type DiskOperation, SimulatedDisk } from './simulated/simulated-disk.js';
export { SimulatedPlant, type Truth } from './simulated/simulated-plant.js';
export {
  createSimulatedPlatform,
  SimulatedMemory,
  type SimulatedPlatform,
} from './simulated/simulated-platform.js';
export { sqlEngineCases } from './sql-engine/cases.js';
export type { SqlFactory, SqlOpenOptions } from './sql-engine/factory.js';
export { type TelemetryFactory, telemetryCases } from './telemetry/cases.js';
