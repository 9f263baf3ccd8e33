/** Checks of what untyped callers hand in: the types say the same. Each throws `ARGUMENT_INVALID`. */
import { VarveError } from './varve-error.js';

/** Refuses what has no fields. @param what the argument, as it begins a sentence */
export function requireObject(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) throw invalid(`${what} must be an object`, value);
}

/** Refuses what is not an integer in 0..`max`. @param what the argument, as it begins a sentence */
export function requireWhole(value: unknown, what: string, max: number = Number.MAX_SAFE_INTEGER): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
    throw invalid(`${what} must be a whole number from 0 to ${max}`, value);
}

/** Refuses what is not the path of a file or folder. @param what the argument, as it begins a sentence */
export function requirePath(value: unknown, what: string): void {
  if (typeof value !== 'string' || value === '') throw invalid(`${what} must be a path`, value);
  if (value.includes('\0'))
    throw new VarveError('ARGUMENT_INVALID', { message: `${what} holds a NUL, which no path may` });
}

/** A value as a message shows it, whatever it is; JSON alone fails on a bigint and on a circle. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const isObject = typeof value === 'object' && value !== null;
  return isObject || typeof value === 'function' ? `a value of type ${typeof value}` : String(value);
}

function invalid(message: string, given: unknown): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message: `${message}, not ${shown(given)}` });
}
