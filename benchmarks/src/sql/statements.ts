/** Reads the SQL files of benchmarks/sql. */
import { readFileSync } from 'node:fs';
import type { Query } from './engine.js';

/**
 * The text of a file with its blanks filled in.
 *
 * @param file relative to benchmarks/sql
 * @param values for each `{name}` in the file
 */
export function readSql(file: string, values: Readonly<Record<string, string | number>> = {}): string {
  const text = readFileSync(new URL(`../../sql/${file}`, import.meta.url), 'utf8');
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new RangeError(`${file} needs a value for {${name}}`);
    return String(value);
  });
}

/** The statements below the lines `-- name: …` of a text, without their semicolons. */
export function splitQueries(text: string): readonly Query[] {
  return text
    .split(/^-- name: /m)
    .slice(1)
    .map((block) => {
      const end = block.indexOf('\n');
      return {
        name: block.slice(0, end).trim(),
        sql: block
          .slice(end + 1)
          .replace(/;\s*$/, '')
          .trim(),
      };
    });
}
