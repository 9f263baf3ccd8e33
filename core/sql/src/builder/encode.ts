/** Plans as the text that an engine reads which runs them itself: JSON, literals with their types. */

import type { QueryPlan, SqlScalar } from '@varve/interfaces';
import type { NativeParam } from '../native-face.js';
import { nativeParam } from '../options.js';

/** The JSON of a plan that was checked. */
export function encodePlan(plan: QueryPlan): string {
  return JSON.stringify(plan, (_key, part: unknown) => {
    if (!isLiteral(part)) return part;
    return { kind: 'literal', value: encoded(nativeParam(part.value, 'a literal')) };
  });
}

function isLiteral(part: unknown): part is { readonly kind: 'literal'; readonly value: SqlScalar } {
  return typeof part === 'object' && part !== null && 'kind' in part && part.kind === 'literal';
}

/** One of a few objects, since JSON has neither integers of 64 bits nor bytes, nor NaN. */
function encoded(value: NativeParam): unknown {
  switch (typeof value) {
    case 'boolean':
      return { boolean: value };
    case 'string':
      return { text: value };
    case 'bigint':
      return { integer: String(value) };
    case 'number':
      return isWhole(value) ? { integer: String(value) } : { float: floatText(value) };
    default:
      if (value === null) return null;
      if (value instanceof Uint8Array) return { bytes: Array.from(value) };
      return { micros: String(value.micros) };
  }
}

/** As parameters of SQL: what a double holds exactly. */
function isWhole(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= 2 ** 53 && !Object.is(value, -0);
}

function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
