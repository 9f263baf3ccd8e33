/** How the values of an answer are written in a file, and how they are compared with it. */
import { createHash } from 'node:crypto';
import type { Answer, Kind } from '../subjects/subject.js';
import { decimalText } from './decimal-text.js';
import type { SltRecord } from './records.js';

type Query = Extract<SltRecord, { kind: 'query' }>;

/** One family of files. */
export interface Dialect {
  /** Under which `skipif` and `onlyif` know the engine. */
  readonly labels: readonly string[];
  /** Whether the answer is what the file says. */
  matches(query: Query, answer: Answer): boolean;
  /** The answer as the file would write it. */
  written(query: Query, answer: Answer): readonly string[];
}

/**
 * SQLite's: one value a line, written by the letter of its column as its own runner does; long answers as a hash. It asks
 * a column for an integer, a real or a text and takes what SQLite converts, so that a letter, not the type of the answer,
 * decides what is seen: a mean under `I` loses its fraction.
 */
export const sqlite: Dialect = {
  labels: ['postgresql'],
  written: sqliteLines,
  matches(query, answer) {
    if (answer.columns.length !== query.types.length) return false;
    const values = sqliteLines(query, answer);
    const [first = ''] = query.expected;
    const hashed = /^(\d+) values hashing to ([0-9a-f]{32})$/.exec(first);
    if (hashed === null) return sameLines(values, query.expected);
    const hash = createHash('md5');
    for (const value of values) hash.update(`${value}\n`);
    return values.length === Number(hashed[1]) && hash.digest('hex') === hashed[2];
  },
};

function sqliteLines({ types, order }: Query, { columns, rows }: Answer): readonly string[] {
  const written = rows.map((row) =>
    row.map((value, at) => sqliteValue(value, columns[at] ?? 'other', types[at] ?? 'T')),
  );
  if (order === 'rowsort') written.sort(compareRows);
  const values = written.flat();
  return order === 'valuesort' ? values.sort(compareTexts) : values;
}

function sqliteValue(value: string | null, kind: Kind, letter: string): string {
  if (value === null) return 'NULL';
  const plain = kind === 'bool' ? (value === 'true' ? '1' : '0') : value;
  if (letter === 'I') return integerText(plain);
  if (letter === 'R') return (Number.parseFloat(plain) || 0).toFixed(3);
  // Its runner shows what is no printable ASCII as `@`.
  return plain === '' ? '(empty)' : plain.replaceAll(/[^ -~]/g, '@');
}

/** As SQLite makes an integer of a number or of a text: what is behind its first digits is dropped. */
function integerText(text: string): string {
  if (/e/i.test(text) && Number.isFinite(Number(text))) return String(BigInt(Math.trunc(Number(text))));
  const digits = /^\s*([+-]?\d+)/.exec(text)?.[1];
  return digits === undefined ? '0' : String(BigInt(digits));
}

/** DataFusion's: a row a line, its values divided by one blank, floats rounded to twelve places. */
export const datafusion: Dialect = {
  labels: ['Datafusion'],
  written: datafusionLines,
  matches: (query, answer) =>
    sameLines(
      datafusionLines(query, answer).map((line) => line.trimEnd()),
      query.expected.map((line) => line.trimEnd()),
    ),
};

function datafusionLines({ order }: Query, { columns, rows }: Answer): readonly string[] {
  const written = rows.map((row) => row.map((value, at) => datafusionValue(value, columns[at] ?? 'other')));
  if (order === 'rowsort') written.sort(compareRows);
  if (order === 'valuesort') return written.flat().sort(compareTexts);
  return written.map((row) => row.join(' '));
}

function datafusionValue(value: string | null, kind: Kind): string {
  if (value === null) return 'NULL';
  if (kind === 'decimal') return decimalText(value, 1000);
  if (kind !== 'float') return value === '' ? '(empty)' : value.replace(/\n+$/, '').replaceAll('\0', '\\0');
  if (/nan/i.test(value)) return 'NaN';
  if (/inf/i.test(value)) return value.startsWith('-') ? '-Infinity' : 'Infinity';
  return decimalText(value, 12);
}

function sameLines(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, at) => line === b[at]);
}

function compareRows(a: readonly string[], b: readonly string[]): number {
  for (const [at, text] of a.entries()) {
    const order = compareTexts(text, b[at] ?? '');
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** By code units, as the runners compare. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
