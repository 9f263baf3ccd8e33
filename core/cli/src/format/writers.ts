/** Rows as a table, Markdown, CSV, JSON or a line of JSON each. Text in, text out; nothing is printed here. */
import type { SqlField, SqlRow } from '@varve/interfaces';
import stringWidth from 'string-width';
import { isNumeric, objectJson, valueText } from './text.js';

/** How an answer is shown. */
export type Mode = 'table' | 'markdown' | 'csv' | 'json' | 'jsonl';

/** All ways to show an answer. */
export const modes: readonly Mode[] = ['table', 'markdown', 'csv', 'json', 'jsonl'];

/** Turns an answer into text, part by part. */
export interface RowWriter {
  /** The text of the next rows. */
  rows(rows: readonly SqlRow[]): string;
  /** What comes after the last row. */
  end(): string;
}

/** How wide an answer may be. */
export interface WriterOptions {
  /** Columns of the terminal; a longer cell of a table ends in an ellipsis. Unlimited when absent. */
  readonly width?: number | undefined;
}

/** The columns of an answer, and the names by which rows have them. */
export interface Columns {
  readonly fields: readonly SqlField[];
  readonly names: readonly string[];
}

/** A writer of one answer. */
export function createWriter(mode: Mode, columns: Columns, options: WriterOptions = {}): RowWriter {
  const fields = columns.fields.map((field, at) => ({ ...field, name: columns.names[at] ?? field.name }));
  switch (mode) {
    case 'csv':
      return csvWriter(fields);
    case 'json':
      return jsonWriter(fields);
    case 'jsonl':
      return { rows: (rows) => rows.map((row) => `${objectJson(row, fields)}\n`).join(''), end: () => '' };
    default:
      return collecting(
        fields,
        mode === 'table'
          ? (cells) => tableText(fields, cells, options)
          : (cells) => markdownText(fields, cells),
      );
  }
}

function csvWriter(fields: readonly SqlField[]): RowWriter {
  let head = `${fields.map(({ name }) => csvCell(name)).join(',')}\r\n`;
  return {
    rows(rows) {
      const lines = rows.map((row) => {
        const cells = fields.map(({ name, type }) => {
          const value = row[name] ?? null;
          return value === null ? '' : csvCell(valueText(value, type));
        });
        return `${cells.join(',')}\r\n`;
      });
      const text = head + lines.join('');
      head = '';
      return text;
    },
    end: () => head,
  };
}

/** Source: RFC 4180. An empty text is quoted, which tells it from NULL. */
function csvCell(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function jsonWriter(fields: readonly SqlField[]): RowWriter {
  let separator = '[\n';
  return {
    rows(rows) {
      const text = rows.map((row) => {
        const line = `${separator}  ${objectJson(row, fields)}`;
        separator = ',\n';
        return line;
      });
      return text.join('');
    },
    end: () => (separator === '[\n' ? '[]\n' : '\n]\n'),
  };
}

function collecting(
  fields: readonly SqlField[],
  render: (cells: readonly (readonly string[])[]) => string,
): RowWriter {
  const cells: string[][] = [];
  return {
    rows(rows) {
      for (const row of rows)
        cells.push(fields.map(({ name, type }) => oneLine(valueText(row[name] ?? null, type))));
      return '';
    },
    end: () => render(cells),
  };
}

function tableText(
  fields: readonly SqlField[],
  cells: readonly (readonly string[])[],
  { width }: WriterOptions,
): string {
  const names = fields.map(({ name }) => oneLine(name));
  const widths = fitted(columnWidths(names, cells), width);
  const line = (left: string, middle: string, right: string): string =>
    `${left}${widths.map((size) => '─'.repeat(size + 2)).join(middle)}${right}\n`;
  const row = (parts: readonly string[]): string => `│ ${parts.join(' │ ')} │\n`;
  const body = cells.map((parts) =>
    row(parts.map((text, at) => padded(text, widths[at] ?? 0, isRight(fields[at])))),
  );
  const head = row(names.map((name, at) => padded(name, widths[at] ?? 0, isRight(fields[at]))));
  return line('┌', '┬', '┐') + head + line('├', '┼', '┤') + body.join('') + line('└', '┴', '┘');
}

function markdownText(fields: readonly SqlField[], cells: readonly (readonly string[])[]): string {
  const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('|', '\\|');
  const names = fields.map(({ name }) => escaped(oneLine(name)));
  const shown = cells.map((parts) => parts.map(escaped));
  const widths = columnWidths(names, shown).map((size) => Math.max(size, 3));
  const row = (parts: readonly string[]): string => `| ${parts.join(' | ')} |\n`;
  const rule = widths.map((size, at) =>
    isRight(fields[at]) ? `${'-'.repeat(size - 1)}:` : '-'.repeat(size),
  );
  const line = (parts: readonly string[]): string =>
    row(parts.map((text, at) => padded(text, widths[at] ?? 0, isRight(fields[at]))));
  return line(names) + row(rule) + shown.map(line).join('');
}

function columnWidths(names: readonly string[], cells: readonly (readonly string[])[]): number[] {
  return names.map((name, at) =>
    cells.reduce((most, parts) => Math.max(most, stringWidth(parts[at] ?? '')), stringWidth(name)),
  );
}

/** Widths that fit the terminal: the widest column gives way, down to eight places. */
function fitted(widths: readonly number[], width: number | undefined): number[] {
  const sizes = [...widths];
  const frame = 3 * sizes.length + 1;
  for (;;) {
    const total = sizes.reduce((sum, size) => sum + size, frame);
    const most = Math.max(...sizes);
    if (width === undefined || total <= width || most <= 8) return sizes;
    const next = Math.max(8, ...sizes.filter((size) => size < most));
    const at = sizes.indexOf(most);
    sizes[at] = Math.max(next === most ? most - 1 : next, most - (total - width));
  }
}

function padded(text: string, width: number, isRight: boolean): string {
  const cut = shortened(text, width);
  const blanks = ' '.repeat(Math.max(0, width - stringWidth(cut)));
  return isRight ? blanks + cut : cut + blanks;
}

function shortened(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let cut = '';
  for (const character of text) {
    if (stringWidth(cut + character) > width - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

/** Control characters would move the cursor, or worse. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => escapes[character] ?? `\\x${hexOf(character)}`);
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(2, '0');
}

function isRight(field: SqlField | undefined): boolean {
  return field !== undefined && isNumeric(field.type);
}
