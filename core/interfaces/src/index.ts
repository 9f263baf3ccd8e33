export { type ErrorCode, errorCodes } from './errors/error-codes.js';
export { VarveError, type VarveErrorDetails } from './errors/varve-error.js';
