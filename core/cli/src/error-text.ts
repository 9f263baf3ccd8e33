/** Failures as people and programs read them. */
import { VarveError } from '@varve/interfaces';

/** An error as lines of text, or as one line of JSON. */
export function errorText(error: unknown, form: 'text' | 'json'): string {
  const code = error instanceof VarveError ? error.code : 'ENGINE_DEFECT';
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof VarveError ? error.hint : '';
  if (form === 'json') return `${JSON.stringify({ error: { code, message, hint } })}\n`;
  return `error ${code}: ${message}\n${hint === '' ? '' : `hint: ${hint}\n`}`;
}
