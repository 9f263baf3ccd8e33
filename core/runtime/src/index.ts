export { createNodePlatform } from './node-platform.js';
export { createTelemetry, defaultTelemetryLimits } from './telemetry.js';
