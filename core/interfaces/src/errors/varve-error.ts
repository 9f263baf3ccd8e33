import type { ErrorCode } from './error-codes.js';

/** What a `VarveError` is made of besides its code. */
export interface VarveErrorDetails {
  /** What happened, with file, offset or size where they are known. */
  readonly message: string;
  /** The next step for the user; empty when there is none. */
  readonly hint?: string;
  /** The underlying failure, when there is one. */
  readonly cause?: unknown;
}

/**
 * The one error that Varve throws.
 *
 * `code` is stable API and documented in `errorCodes`; `message` may improve; `hint` is the next step.
 */
export class VarveError extends Error {
  override readonly name = 'VarveError';
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, { message, hint = '', cause }: VarveErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
  }
}
