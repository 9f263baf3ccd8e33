/** Failures of DuckDB as the native face hands them over. */
import type { ErrorCode, Failed } from '@varve/interfaces';

/** What a call gives, or its failure. @param onFailure tidies up first */
export async function outcome<T>(
  call: () => Promise<T>,
  onFailure?: () => Promise<void>,
): Promise<T | Failed> {
  try {
    return await call();
  } catch (error) {
    await onFailure?.();
    const message = error instanceof Error ? error.message : String(error);
    return failed(codes.find(([words]) => words.test(message))?.[1] ?? 'ENGINE_DEFECT', message);
  }
}

/** A failure. */
export function failed(code: ErrorCode, message: string): Failed {
  return { failure: { code, message, hint: '' } };
}

/** What DuckDB's messages begin with, and our codes. */
const codes: readonly (readonly [RegExp, ErrorCode])[] = [
  [/INTERRUPT|cancelled/, 'QUERY_CANCELLED'],
  [/read-only mode/, 'STORE_READ_ONLY'],
  [/[Cc]onflict/, 'TRANSACTION_CONFLICT'],
  [/TransactionContext/, 'TRANSACTION_STATE'],
  [/^Parser Error/, 'SQL_SYNTAX'],
  [/^Constraint Error/, 'CONSTRAINT_VIOLATED'],
  [/No files found/, 'FILE_MISSING'],
  [/^Permission Error/, 'FILE_FORBIDDEN'],
  [/^(?:Conversion|Out of Range) Error/, 'SQL_VALUE'],
  [/^Binder Error.*(?:No function matches|Cannot|operator)/s, 'SQL_TYPE'],
  [/^(?:Catalog|Binder) Error/, 'SQL_NAME'],
  [/^Invalid Input Error|[Pp]arameter/, 'ARGUMENT_INVALID'],
];
