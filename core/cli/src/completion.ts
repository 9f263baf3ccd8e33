/** What the word before the cursor may become: keywords, tables, columns, dot commands. Pure. */
import type { TableDescription } from '@varve/interfaces';

const keywords =
  `ALTER ANALYZE AND AS ASC BEGIN BETWEEN BY CASE CAST CHECK COMMIT COPY COUNT CREATE CROSS DEFAULT DELETE
DESC DISTINCT DROP ELSE END EXCEPT EXISTS EXPLAIN FALSE FROM FULL GROUP HAVING IN INDEX INNER INSERT INTERSECT INTO IS JOIN
KEY LEFT LIKE LIMIT NOT NULL OFFSET ON OR ORDER OUTER OVER PARTITION PRIMARY RIGHT ROLLBACK SAVEPOINT SELECT SET TABLE THEN
TRUE UNION UPDATE USING VALUES VIEW WHEN WHERE WITH`.split(/\s+/);

/** Candidates for the last word of `line`, and that word, as Node's readline wants them. */
export function completions(
  line: string,
  tables: readonly TableDescription[],
  commands: readonly string[],
): [candidates: string[], word: string] {
  if (/^\.\w*$/.test(line)) return [commands.filter((name) => name.startsWith(line)), line];
  const word = /[\w.]*$/.exec(line)?.[0] ?? '';
  const point = word.lastIndexOf('.');
  if (point !== -1) {
    const prefix = word.slice(0, point);
    const columns = columnsOf(tables.filter(({ name }) => sameName(name, prefix)));
    return [matching(columns, word.slice(point + 1)).map((name) => `${prefix}.${name}`), word];
  }
  if (word === '') return [[], word];
  const before = line.slice(0, line.length - word.length);
  const names = tables.map(({ name }) => quotedName(name));
  if (/\b(?:from|join|into|update|table)\s+$/i.test(before)) return [matching(names, word), word];
  const isLower = word === word.toLowerCase();
  const words = keywords.map((keyword) => (isLower ? keyword.toLowerCase() : keyword));
  return [matching([...columnsOf(tables), ...names, ...words], word), word];
}

function columnsOf(tables: readonly TableDescription[]): string[] {
  return tables.flatMap(({ columns }) => columns.map(({ name }) => quotedName(name)));
}

function matching(names: readonly string[], word: string): string[] {
  const start = word.toLowerCase();
  return [...new Set(names)].filter((name) => name.toLowerCase().startsWith(start));
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** As SQL reads it back: quoted where folding to lower case, or a blank, would lose it. */
export function quotedName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
