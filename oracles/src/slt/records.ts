/**
 * Reads files of sqllogictest: SQLite's, and those in the dialect of the crate sqllogictest that DataFusion has.
 *
 * Source: https://www.sqlite.org/sqllogictest/doc/trunk/about.wiki
 */

/** How the rows of an answer are ordered before they are compared. */
export type Order = 'nosort' | 'rowsort' | 'valuesort';

/** What a file asks for at one place. */
export type SltRecord =
  | { readonly kind: 'statement'; readonly line: number; readonly sql: string; readonly fails: boolean }
  | {
      readonly kind: 'query';
      readonly line: number;
      readonly sql: string;
      /** A letter per column: T text, I integer, R real, and others of DataFusion's. */
      readonly types: string;
      readonly order: Order;
      /** The lines of the answer, or how its values hash. */
      readonly expected: readonly string[];
      readonly fails: boolean;
    };

/** Reads the records that engines of these labels run, up to a `halt`. */
export function readRecords(text: string, labels: readonly string[]): SltRecord[] {
  const records: SltRecord[] = [];
  const lines = text.split(/\r?\n/);
  let at = 0;
  while (at < lines.length) {
    const block = blockAt(lines, at);
    at = block.end;
    const head = block.lines.findIndex((line) => /^(statement|query|halt)\b/.test(line));
    const first = block.lines[head];
    const runs = block.lines.slice(0, Math.max(head, 0)).every((line) => applies(line, labels));
    if (first === undefined || !runs) continue;
    if (first.startsWith('halt')) break;
    records.push(recordOf(first, block.lines.slice(head + 1), block.start + head + 1));
  }
  return records;
}

interface Block {
  readonly lines: readonly string[];
  /** Lines before it in the file. */
  readonly start: number;
  readonly end: number;
}

/** The lines up to the next empty one. Comments are no part of it, except in SQL and answers. */
function blockAt(lines: readonly string[], from: number): Block {
  let start = from;
  while (start < lines.length && /^\s*(#.*)?$/.test(lines[start] ?? '')) start += 1;
  let end = start;
  while (end < lines.length && (lines[end] ?? '').trim() !== '') end += 1;
  return { lines: lines.slice(start, end), start, end: end + 1 };
}

/** Whether a line before a record lets these labels run it. */
function applies(line: string, labels: readonly string[]): boolean {
  const [word, label = ''] = line.split(/\s+/);
  if (word === 'skipif') return !labels.includes(label);
  if (word === 'onlyif') return labels.includes(label);
  return true;
}

function recordOf(head: string, body: readonly string[], line: number): SltRecord {
  const [kind, ...words] = head.split(/\s+/);
  const bar = body.indexOf('----');
  const sql = body.slice(0, bar < 0 ? body.length : bar).join('\n');
  const fails = words[0] === 'error';
  if (kind === 'statement') return { kind: 'statement', line, sql, fails };
  const order = words.find((word): word is Order => /^(nosort|rowsort|valuesort)$/.test(word)) ?? 'nosort';
  const types = fails ? '' : (words[0] ?? '');
  return { kind: 'query', line, sql, types, order, expected: bar < 0 ? [] : body.slice(bar + 1), fails };
}
