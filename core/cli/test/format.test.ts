/** What answers look like, in every mode; charts and bars. */
import { barChart, createWriter, lineChart, type Mode } from '@varve/cli';
import type { SqlField, SqlRow, SqlType, SqlValue } from '@varve/interfaces';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { progressBar } from '../src/format/progress-bar.js';
import { jsonText, valueText } from '../src/format/text.js';
import { typeText } from '../src/format/type-text.js';

const text: SqlType = { kind: 'text' };
const big: SqlType = { kind: 'integer', bits: 64, signed: true };
const double: SqlType = { kind: 'float', bits: 64 };
const decimal: SqlType = { kind: 'decimal', precision: 10, scale: 2 };
const moment: SqlType = { kind: 'timestamp', unit: 'microsecond' };
const field = (name: string, type: SqlType): SqlField => ({ name, type, nullable: true });

/** A value, its type, as text, and as JSON. */
const values: readonly (readonly [SqlValue, SqlType, string, string])[] = [
  [null, text, 'NULL', 'null'],
  ['it "is"', text, 'it "is"', '"it \\"is\\""'],
  [2n ** 63n - 1n, big, '9223372036854775807', '9223372036854775807'],
  [0.1, double, '0.1', '0.1'],
  [Number.NaN, double, 'NaN', '"NaN"'],
  ['-1.50', decimal, '-1.50', '-1.50'],
  [true, { kind: 'boolean' }, 'true', 'true'],
  [Uint8Array.of(0, 255), { kind: 'binary' }, '\\x00ff', '"\\\\x00ff"'],
  [new Date('2026-11-30T00:00:00Z'), { kind: 'date' }, '2026-11-30', '"2026-11-30"'],
  [new Date('2026-11-30T12:00:00Z'), moment, '2026-11-30 12:00:00', '"2026-11-30 12:00:00"'],
  [
    new Date('2026-11-30T12:00:00.5Z'),
    { ...moment, zone: 'UTC' } as SqlType,
    '2026-11-30 12:00:00.500Z',
    '"2026-11-30 12:00:00.500Z"',
  ],
  [[1n, null], { kind: 'list', item: field('item', big) }, '[1,null]', '[1,null]'],
  [
    { b: '1.00', a: 'x' },
    { kind: 'struct', fields: [field('b', decimal), field('a', text)] },
    '{"b":1.00,"a":"x"}',
    '{"b":1.00,"a":"x"}',
  ],
  [[['k', 1n]], { kind: 'map', key: field('key', text), value: field('value', big) }, '{"k":1}', '{"k":1}'],
  [
    { months: 1, days: 0, nanoseconds: 5n },
    { kind: 'interval' },
    '{"months":1,"days":0,"nanoseconds":5}',
    '{"months":1,"days":0,"nanoseconds":5}',
  ],
];

describe('values', () => {
  it.each(values.map((row) => ({ row })))('%#', ({ row: [value, type, asText, asJson] }) => {
    expect(valueText(value, type)).toBe(asText);
    expect(jsonText(value, type)).toBe(asJson);
  });
});

const fields = [field('name', text), field('n', big), field('1', double)];
const rows: readonly SqlRow[] = [
  { name: 'a,b', n: 1n, 1: 0.5 },
  { name: '', n: null, 1: null },
  { name: '日本"|\n\u001B[31m', n: -20n, 1: 3 },
];

function written(mode: Mode, given: readonly SqlRow[] = rows, width?: number): string {
  const writer = createWriter(mode, { fields, names: fields.map(({ name }) => name) }, { width });
  return given.map((row) => writer.rows([row])).join('') + writer.end();
}

/** A mode, and what it makes of the rows. */
const outputs: readonly (readonly [Mode, string])[] = [
  [
    'table',
    `┌──────────────────┬──────┬──────┐
│ name             │    n │    1 │
├──────────────────┼──────┼──────┤
│ a,b              │    1 │  0.5 │
│                  │ NULL │ NULL │
│ 日本"|\\n\\x1b[31m │  -20 │    3 │
└──────────────────┴──────┴──────┘
`,
  ],
  [
    'markdown',
    `| name                |    n |    1 |
| ------------------- | ---: | ---: |
| a,b                 |    1 |  0.5 |
|                     | NULL | NULL |
| 日本"\\|\\\\n\\\\x1b[31m |  -20 |    3 |
`,
  ],
  ['csv', 'name,n,1\r\n"a,b",1,0.5\r\n"",,\r\n"日本""|\n\u001B[31m",-20,3\r\n'],
  [
    'json',
    '[\n  {"name":"a,b","n":1,"1":0.5},\n  {"name":"","n":null,"1":null},\n  {"name":"日本\\"|\\n\\u001b[31m","n":-20,"1":3}\n]\n',
  ],
  [
    'jsonl',
    '{"name":"a,b","n":1,"1":0.5}\n{"name":"","n":null,"1":null}\n{"name":"日本\\"|\\n\\u001b[31m","n":-20,"1":3}\n',
  ],
];

describe('modes', () => {
  it.each(outputs)('%s', (mode, expected) => {
    expect(written(mode)).toBe(expected);
  });

  it('an answer without rows keeps its head', () => {
    expect(written('csv', [])).toBe('name,n,1\r\n');
    expect(written('json', [])).toBe('[]\n');
    expect(written('jsonl', [])).toBe('');
    expect(written('table', []).split('\n')).toHaveLength(5);
  });

  it('a table keeps within the terminal, wide characters counted as two', () => {
    const long = written('table', [{ name: '日本語'.repeat(30), n: 1n, 1: 1 }], 40);
    for (const line of long.trimEnd().split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(40);
    expect(long).toContain('…');
  });
});

describe('charts', () => {
  it('bars grow from a common line', () => {
    const chart = barChart(
      [
        { label: 'a', value: 4 },
        { label: 'bb', value: -2 },
        { label: '', value: Number.NaN },
      ],
      24,
    );
    expect(chart).toBe('a        ███████████▍ 4\nbb ██████ -2\n          –\n');
    expect(barChart([], 40)).toBe('nothing to plot\n');
  });

  it('lines keep within their places and name their ends', () => {
    const points = Array.from({ length: 50 }, (_, x) => ({ x, y: x === 20 ? Number.NaN : Math.sin(x / 5) }));
    const chart = lineChart([{ name: 's', points }], { width: 60, height: 12 });
    const lines = chart.trimEnd().split('\n');
    expect(lines).toHaveLength(12);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
    expect(lines.at(-1)).toMatch(/^\s+0\s+49$/);
    expect(lineChart([], { width: 60, height: 12 })).toBe('nothing to plot\n');
    expect(lineChart([{ name: 'one', points: [{ x: 1, y: 1 }] }], { width: 30, height: 6 })).toContain('│');
  });

  /** Progress, and its line at 60 places after a second and a half. */
  it.each([
    [
      { rowsScanned: 500_000, rowsTotal: 1_000_000, bytesScanned: 2_000_000 },
      '[██████████████░░░░░░░░░░░░░░] 50% 500 k rows, 2.00 MB, 1.5 s',
    ],
    [{ rowsScanned: 7, rowsTotal: 0, bytesScanned: 0 }, '7 rows, 1.5 s'],
  ])('progress %#', (progress, expected) => {
    const line = progressBar(progress, 1_500, 61);
    expect(line.replace(/[█░]+/, '')).toBe(expected.replace(/[█░]+/, ''));
    expect(line.length).toBeLessThanOrEqual(61);
  });
});

/** A type, and its name in SQL. */
const typeNames: readonly (readonly [SqlType, string])[] = [
  [big, 'BIGINT'],
  [{ kind: 'integer', bits: 8, signed: false }, 'TINYINT UNSIGNED'],
  [decimal, 'DECIMAL(10, 2)'],
  [{ kind: 'list', item: field('i', { kind: 'struct', fields: [field('a', text)] }) }, 'STRUCT<a VARCHAR>[]'],
  [{ kind: 'map', key: field('k', text), value: field('v', double) }, 'MAP<VARCHAR, DOUBLE>'],
  [{ kind: 'timestamp', unit: 'second', zone: 'UTC' }, 'TIMESTAMP WITH TIME ZONE'],
  [{ kind: 'boolean' }, 'BOOLEAN'],
];

it.each(typeNames)('type %#', (type, name) => expect(typeText(type)).toBe(name));
