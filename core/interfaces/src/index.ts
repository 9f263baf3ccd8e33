export type {
  Action,
  ControlMode,
  Controller,
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
