/** Whether a subject did what a record says. */
import { type Answer, isRefusal, type Refusal } from '../subjects/subject.js';
import type { Dialect } from './dialect.js';
import type { SltRecord } from './records.js';

/** What became of one record. */
export type Verdict =
  | { readonly is: 'right' }
  /** It answered something else, or did what it was to refuse. */
  | { readonly is: 'wrong'; readonly why: string; readonly got: readonly string[] }
  | { readonly is: 'refused'; readonly why: string };

const right: Verdict = { is: 'right' };

/** @param answer of the subject to the SQL of `record` */
export function judge(record: SltRecord, answer: Answer | Refusal, dialect: Dialect): Verdict {
  if (isRefusal(answer)) return record.fails ? right : { is: 'refused', why: reasonOf(answer.error) };
  if (record.fails) return { is: 'wrong', why: 'it did not fail', got: [] };
  if (record.kind === 'statement' || dialect.matches(record, answer)) return right;
  const got = dialect.written(record, answer);
  return { is: 'wrong', why: difference(record, answer, got), got };
}

function difference(
  { types, expected }: Extract<SltRecord, { kind: 'query' }>,
  { columns }: Answer,
  got: readonly string[],
): string {
  if (types.length > 0 && columns.length !== types.length)
    return `${columns.length} columns, not ${types.length}`;
  const wanted = /^(\d+) values hashing/.exec(expected[0] ?? '')?.[1] ?? String(expected.length);
  return String(got.length) === wanted ? 'other values' : 'another number of rows';
}

/** An error without what differs from statement to statement, so that like ones are counted together. */
function reasonOf(error: string): string {
  return (error.split('\n', 1)[0] ?? '')
    .replaceAll(/'[^']*'|"[^"]*"|`[^`]*`/g, '…')
    .replaceAll(/\b(?:\w+\.)?(?:tab|t|v|cor|col|x|a|b|c|d|e)\d*\b/gi, '_')
    .replaceAll(/-?\d+(?:\.\d+)?/g, 'N')
    .slice(0, 160);
}
