/** Assertions that every suite shares. */
import assert from 'node:assert/strict';
import { type ErrorCode, errorCodes, VarveError } from '@varve/interfaces';

/** `call` must throw a `VarveError` with this code, a message and a hint that is text. */
export function throwsCode(code: ErrorCode, call: () => unknown, what = ''): void {
  let outcome: unknown;
  try {
    outcome = call();
  } catch (error) {
    checkError(error, code, what);
    return;
  }
  assert.fail(`${what}: answered ${String(outcome)} instead of ${code}`);
}

/** `call` must give a promise that rejects as `throwsCode` says; it must not throw synchronously. */
export async function rejectsCode(code: ErrorCode, call: () => Promise<unknown>, what = ''): Promise<void> {
  const promise = call();
  assert.ok(promise instanceof Promise, `${what}: is no promise`);
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome) checkError(outcome.error, code, what);
  else assert.fail(`${what}: resolved to ${String(outcome.value)} instead of ${code}`);
}

/** Text as UTF-8 bytes. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bytes in a form that `assert` shows well and compares by content. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

function checkError(error: unknown, code: ErrorCode, what: string): void {
  assert.ok(error instanceof VarveError, `${what}: threw ${String(error)} instead of a VarveError`);
  assert.equal(error.code, code, `${what}: ${error.message}`);
  assert.ok(error.message.length > 0, `${what}: the message is empty`);
  assert.equal(typeof error.hint, 'string', `${what}: the hint is no text`);
  assert.ok(error.code in errorCodes, `${what}: ${code} is not documented`);
}
