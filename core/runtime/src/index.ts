export { createNodePlatform } from './node-platform.js';
export { recordStoreEvents, type StoreEvents } from './store-telemetry.js';
export { createTelemetry, defaultTelemetryLimits } from './telemetry.js';
