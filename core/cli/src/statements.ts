/** Where statements end in SQL that comes in line by line: at a semicolon outside of quotes and comments. */

/** Statements that are whole, and what is left of one that goes on. */
export interface SplitSql {
  readonly statements: readonly string[];
  /** Empty when there is nothing but blanks and comments. */
  readonly rest: string;
}

/** What runs to its own end: quotes (doubled ones stay inside), dollar quotes, comments. */
const skipped = /'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|--[^\n]*(?:\n|$)|\/\*|\$(\w*)\$/y;

/** Splits SQL. Statements keep their text, without the semicolon and the blanks around them. Cost: O(n). */
export function splitSql(text: string): SplitSql {
  const statements: string[] = [];
  let from = 0;
  let isEmpty = true;
  for (let at = 0; at < text.length; ) {
    const end = endOfSkipped(text, at);
    if (end > at) {
      isEmpty &&= isComment(text, at);
      at = end;
      continue;
    }
    if (text[at] === ';') {
      if (!isEmpty) statements.push(text.slice(from, at).trim());
      from = at + 1;
      isEmpty = true;
    } else if (!/\s/.test(text[at] ?? '')) isEmpty = false;
    at += 1;
  }
  const rest = text.slice(from).trim();
  // An open comment goes on, though it says nothing.
  return { statements, rest: isEmpty && !isOpen(rest) ? '' : rest };
}

/** The place after the quote or comment at `at`; `at` when there is none. */
function endOfSkipped(text: string, at: number): number {
  skipped.lastIndex = at;
  const match = skipped.exec(text);
  if (match === null) return at;
  if (match[0] === '/*') return endOfComment(text, at);
  const tag = match[1];
  if (tag === undefined) return at + match[0].length;
  const close = text.indexOf(`$${tag}$`, at + match[0].length);
  return close === -1 ? text.length : close + match[0].length;
}

/** Comments nest, as in the SQL standard. */
function endOfComment(text: string, at: number): number {
  let depth = 0;
  for (let place = at; place < text.length; place += 1) {
    const pair = text.slice(place, place + 2);
    if (pair === '/*') depth += 1;
    if (pair === '*/') depth -= 1;
    if (pair === '/*' || pair === '*/') place += 1;
    if (depth === 0) return place + 1;
  }
  return text.length;
}

function isComment(text: string, at: number): boolean {
  return text.startsWith('--', at) || text.startsWith('/*', at);
}

/** Whether the last comment of a text that is all comments is not closed. */
function isOpen(rest: string): boolean {
  const last = rest.lastIndexOf('/*');
  return (
    last !== -1 && rest.indexOf('*/', last) === -1 && !rest.slice(rest.lastIndexOf('\n') + 1).startsWith('--')
  );
}
