export {
  type Capabilities,
  type Compute,
  type Contract,
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
export { type ErrorCode, errorCodes } from './errors/error-codes.js';
export { VarveError, type VarveErrorDetails } from './errors/varve-error.js';
