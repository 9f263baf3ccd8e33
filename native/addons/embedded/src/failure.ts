/** The one place where a failure that crossed as data becomes an exception. */
import { type ErrorCode, errorCodes, VarveError } from '@varve/interfaces';
import type { Failed, Failure } from './native.js';

/**
 * Returns the value of a native call.
 *
 * @throws VarveError when the outcome is a failure
 */
export function unwrap<T>(outcome: T | Failed): T {
  if (isFailed(outcome)) throw errorOf(outcome.failure);
  return outcome;
}

/** The error that a failure stands for. */
export function errorOf({ code, message, hint, cause }: Failure): VarveError {
  const details =
    cause === undefined || cause === null ? { message, hint } : { message, hint, cause: new Error(cause) };
  return new VarveError(isErrorCode(code) ? code : 'STORE_IO', details);
}

function isFailed(outcome: unknown): outcome is Failed {
  return typeof outcome === 'object' && outcome !== null && Object.hasOwn(outcome, 'failure');
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}
