/** Failures as native code hands them over, and the one place that throws them. */
import { type ErrorCode, errorCodes } from './error-codes.js';
import { VarveError } from './varve-error.js';

/** An error as data: exceptions of native code would lose their code on the way. */
export interface Failure {
  /** One of `errorCodes`. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** What the underlying failure said. */
  readonly cause?: string | null;
}

/** What a native call returns in the place of its value. */
export interface Failed {
  readonly failure: Failure;
}

/**
 * Returns the value of a native call.
 *
 * @throws VarveError when the outcome is a failure
 */
export function unwrap<T>(outcome: T): Exclude<T, Failed> {
  if (isFailed(outcome)) throw errorOf(outcome.failure);
  return outcome as Exclude<T, Failed>;
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
