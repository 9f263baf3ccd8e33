/** Where statements end, what a word may become, and TypeScript types that TypeScript takes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rowTypes, splitSql } from '@varve/cli';
import type { SqlField, SqlType, TableDescription } from '@varve/interfaces';
import { describe, expect, it } from 'vitest';
import { completions } from '../src/completion.js';

/** A text, its whole statements, and what is left. */
const splits: readonly (readonly [string, readonly string[], string])[] = [
  ['', [], ''],
  ['select 1', [], 'select 1'],
  ['select 1;', ['select 1'], ''],
  [' a ; b;c', ['a', 'b'], 'c'],
  [';;', [], ''],
  ["select ';' ; x", ["select ';'"], 'x'],
  ["select 'it''s; so'; ", ["select 'it''s; so'"], ''],
  ["select 'open; ", [], "select 'open;"],
  ['select "a;b" from t;', ['select "a;b" from t'], ''],
  ['-- only; a comment\n', [], ''],
  ['-- about; it\nselect 1; -- after;', ['-- about; it\nselect 1'], ''],
  ['/* a; /* nested; */ b; */ select 1;', ['/* a; /* nested; */ b; */ select 1'], ''],
  ['/* open; ', [], '/* open;'],
  ['select $$a;b$$; select $t$;$$;$t$;', ['select $$a;b$$', 'select $t$;$$;$t$'], ''],
  ['select $1; select 2', ['select $1'], 'select 2'],
  ['select 1 - -1; a', ['select 1 - -1'], 'a'],
];

describe('statements', () => {
  it.each(splits)('%#', (text, statements, rest) => {
    expect(splitSql(text)).toEqual({ statements, rest });
  });

  it('a long script takes linear time', () => {
    const script = "insert into t values (1, 'x;y'); -- z\n".repeat(50_000);
    expect(splitSql(script).statements).toHaveLength(50_000);
  });
});

const field = (name: string, type: SqlType, nullable = false): SqlField => ({ name, type, nullable });
const text: SqlType = { kind: 'text' };
const big: SqlType = { kind: 'integer', bits: 64, signed: true };
const table = (
  name: string,
  columns: readonly SqlField[],
  primaryKey: readonly string[] = [],
): TableDescription => ({ schema: 'main', name, kind: 'table', columns, primaryKey });
const tables = [
  table('flights', [field('id', big), field('Origin', text)], ['id']),
  table('Big Ones', [field('id', big)]),
];

/** A line, candidates, and the word that they stand for. */
const completed: readonly (readonly [string, readonly string[], string])[] = [
  ['sel', ['select'], 'sel'],
  ['SEL', ['SELECT'], 'SEL'],
  ['select * from fl', ['flights'], 'fl'],
  ['select i', ['id', 'in', 'index', 'inner', 'insert', 'intersect', 'into', 'is'], 'i'],
  ['select flights.i', ['flights.id'], 'flights.i'],
  ['select FLIGHTS.', ['FLIGHTS.id', 'FLIGHTS."Origin"'], 'FLIGHTS.'],
  ['.sc', ['.schema'], '.sc'],
  ['select ', [], ''],
];

describe('completion', () => {
  it.each(completed)('%s', (line, candidates, word) => {
    expect(completions(line, tables, ['.schema', '.tables'])).toEqual([candidates, word]);
  });
});

const everything = table('all-types', [
  field('none', { kind: 'null' }, true),
  field('yes', { kind: 'boolean' }),
  field('small', { kind: 'integer', bits: 16, signed: true }, true),
  field('big', big),
  field('exact', { kind: 'decimal', precision: 10, scale: 2 }, true),
  field('moment', { kind: 'timestamp', unit: 'nanosecond' }),
  field('day', { kind: 'date' }),
  field('hour', { kind: 'time', unit: 'second' }),
  field('span', { kind: 'interval' }),
  field('took', { kind: 'duration', unit: 'second' }),
  field('raw bytes', { kind: 'binary' }, true),
  field('list', { kind: 'list', item: field('item', text, true) }),
  field('nested', {
    kind: 'list',
    item: field('item', { kind: 'struct', fields: [field('a', big, true), field('b-c', text)] }),
  }),
  field('pairs', {
    kind: 'map',
    key: field('key', text),
    value: field('value', { kind: 'float', bits: 32 }, true),
  }),
  field('either', { kind: 'union', fields: [field('a', text), field('b', big)] }),
]);

/** A program that must type-check over the written types. */
const program = `
import type { AllTypes, Flights, Tables } from './tables.js';
const flight: Flights = { id: 1n, Origin: 'SEA' };
const all: AllTypes = {
  none: null, yes: true, small: null, big: 1n, exact: '1.50', moment: new Date(), day: new Date(), hour: '09:00',
  span: { months: 0, days: 1, nanoseconds: 0n }, took: 1n, 'raw bytes': new Uint8Array(), list: ['a', null],
  nested: [{ a: null, 'b-c': 'x' }], pairs: [['k', null]], either: 5n,
};
const tables: Tables = { flights: flight, 'all-types': all, 'Big Ones': { id: 2n }, big_ones: { id: 3n } };
// @ts-expect-error a bigint is no number
const wrong: Flights = { id: 1, Origin: 'SEA' };
// @ts-expect-error not nullable
const empty: AllTypes = { ...all, list: null };
console.log(tables, wrong, empty);
`;

describe('varve types', () => {
  it('TypeScript takes what it writes, and holds programs to it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'varve-types-'));
    try {
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      writeFileSync(
        join(folder, 'tables.ts'),
        rowTypes([...tables, everything, table('big_ones', [field('id', big)])]),
      );
      writeFileSync(join(folder, 'program.ts'), program);
      const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));
      const words = '--ignoreConfig --noEmit --strict --module nodenext --target es2023 --types'.split(' ');
      const { status, stdout } = spawnSync(
        process.execPath,
        [tsc, ...words, '', join(folder, 'program.ts')],
        { encoding: 'utf8' },
      );
      expect(stdout.replaceAll(/.*Cannot find name 'console'.*\n/g, '')).toBe('');
      expect(status === 0 || stdout.includes('console')).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('modes change the types, and names what would break out of a comment', () => {
    const written = rowTypes(
      [table('x */ y', [field('n', big), field('d', { kind: 'decimal', precision: 4, scale: 1 })])],
      { int64: 'number', decimal: 'number' },
    );
    expect(written).toContain('readonly n: number;\n  readonly d: number;');
    expect(written).toContain('the table x * / y.');
  });
});
