/** The runner of logic tests: it reads both dialects, and it catches planted wrong answers. */
import { describe, expect, it } from 'vitest';
import { decimalText } from '../src/slt/decimal-text.js';
import { createDependence } from '../src/slt/dependence.js';
import { type Dialect, datafusion, sqlite } from '../src/slt/dialect.js';
import { judge } from '../src/slt/judge.js';
import { readRecords } from '../src/slt/records.js';
import { reportOf, reportText } from '../src/slt/report.js';
import { runFile } from '../src/slt/run-file.js';
import type { Answer, Refusal, Subject } from '../src/subjects/subject.js';

const file = `# a comment
hash-threshold 8

statement ok
CREATE TABLE t(a INTEGER)

skipif postgresql # not this one
statement ok
nonsense

onlyif mysql
query I rowsort
SELECT nonsense
----
1

query IT rowsort label-7
SELECT a,
       b FROM t
----
10
(empty)
9
NULL

query I nosort
SELECT a FROM u
----
3 values hashing to ${'c0710d6b4f15dfa88f600b0e6b624077'}

query error does not
SELECT x

statement error

SELECT y

halt

query I
SELECT after
----
1
`;

describe('records', () => {
  const run = (labels: readonly string[], expected: readonly string[]): void => {
    const read = readRecords(file, labels).map(
      ({ kind, line, sql, fails }) =>
        `${line} ${kind}${fails ? ' that fails' : ''}: ${sql.replaceAll(/\s+/g, ' ')}`,
    );
    expect(read).toEqual(expected);
  };
  const common = [
    '17 query: SELECT a, b FROM t',
    '26 query: SELECT a FROM u',
    '31 query that fails: SELECT x',
    '34 statement that fails: ',
  ];
  it('for one engine', () => run(['postgresql'], ['4 statement: CREATE TABLE t(a INTEGER)', ...common]));
  it('for another', () =>
    run(
      ['mysql'],
      [
        '4 statement: CREATE TABLE t(a INTEGER)',
        '8 statement: nonsense',
        '12 query: SELECT nonsense',
        ...common,
      ],
    ));
});

describe('decimal texts', () => {
  for (const [text, places, expected] of [
    ['1.500', 12, '1.5'],
    ['-0.0', 12, '0'],
    ['1e3', 12, '1000'],
    ['1.5E-3', 12, '0.0015'],
    ['0.0000000000015', 12, '0.000000000002'],
    ['0.0000000000025', 12, '0.000000000002'],
    ['-12.3456', 2, '-12.35'],
    ['.5', 0, '0'],
    ['100', 2, '100'],
    ['NaN', 2, 'NaN'],
  ] as const)
    it(`${text} to ${places} places`, () => expect(decimalText(text, places)).toBe(expected));
});

describe('values', () => {
  const matches = (
    dialect: Dialect,
    types: string,
    expected: readonly string[],
    answer: Pick<Answer, 'columns' | 'rows'>,
    order: 'nosort' | 'rowsort' | 'valuesort' = 'nosort',
  ): boolean => {
    const query = { kind: 'query', line: 1, sql: 'SELECT', types, order, expected, fails: false } as const;
    return judge(query, { ...answer, affected: null }, dialect).is === 'right';
  };
  const rows: readonly [string, boolean, () => boolean][] = [
    ['an integer', true, () => matches(sqlite, 'I', ['1'], { columns: ['int'], rows: [['1']] })],
    ['another integer', false, () => matches(sqlite, 'I', ['1'], { columns: ['int'], rows: [['2']] })],
    ['a mean under I', true, () => matches(sqlite, 'I', ['0'], { columns: ['float'], rows: [['0.75']] })],
    [
      'an exponent under I',
      true,
      () => matches(sqlite, 'I', ['-12'], { columns: ['float'], rows: [['-1.25e1']] }),
    ],
    ['a bool under I', true, () => matches(sqlite, 'I', ['1'], { columns: ['bool'], rows: [['true']] })],
    ['a real', true, () => matches(sqlite, 'R', ['0.667'], { columns: ['float'], rows: [['0.66666']] })],
    ['NULL', true, () => matches(sqlite, 'T', ['NULL'], { columns: ['text'], rows: [[null]] })],
    ['an empty text', true, () => matches(sqlite, 'T', ['(empty)'], { columns: ['text'], rows: [['']] })],
    ['text for NULL', false, () => matches(sqlite, 'T', ['NULL'], { columns: ['text'], rows: [['']] })],
    ['a row less', false, () => matches(sqlite, 'I', ['1', '2'], { columns: ['int'], rows: [['1']] })],
    ['a row more', false, () => matches(sqlite, 'I', ['1'], { columns: ['int'], rows: [['1'], ['1']] })],
    [
      'a column more',
      false,
      () => matches(sqlite, 'I', ['1', '1'], { columns: ['int', 'int'], rows: [['1', '1']] }),
    ],
    [
      'rows in order',
      false,
      () => matches(sqlite, 'I', ['1', '2'], { columns: ['int'], rows: [['2'], ['1']] }),
    ],
    [
      'sorted rows',
      true,
      () => matches(sqlite, 'I', ['1', '2'], { columns: ['int'], rows: [['2'], ['1']] }, 'rowsort'),
    ],
    [
      'rows sorted as text',
      true,
      () => matches(sqlite, 'I', ['10', '9'], { columns: ['int'], rows: [['9'], ['10']] }, 'rowsort'),
    ],
    [
      'values sorted',
      true,
      () => matches(sqlite, 'II', ['1', '2'], { columns: ['int', 'int'], rows: [['2', '1']] }, 'valuesort'),
    ],
    [
      'a hash',
      true,
      () =>
        matches(sqlite, 'I', ['3 values hashing to c0710d6b4f15dfa88f600b0e6b624077'], {
          columns: ['int'],
          rows: [['1'], ['2'], ['3']],
        }),
    ],
    [
      'another hash',
      false,
      () =>
        matches(sqlite, 'I', ['3 values hashing to c0710d6b4f15dfa88f600b0e6b624077'], {
          columns: ['int'],
          rows: [['1'], ['2'], ['4']],
        }),
    ],
    [
      'a line',
      true,
      () => matches(datafusion, 'IR', ['1 0.5'], { columns: ['int', 'float'], rows: [['1', '0.50']] }),
    ],
    [
      'another line',
      false,
      () => matches(datafusion, 'IR', ['1 0.6'], { columns: ['int', 'float'], rows: [['1', '0.5']] }),
    ],
    ['not a number', true, () => matches(datafusion, 'R', ['NaN'], { columns: ['float'], rows: [['NaN']] })],
    [
      'negative infinity',
      true,
      () => matches(datafusion, 'R', ['-Infinity'], { columns: ['float'], rows: [['-inf']] }),
    ],
  ];
  for (const [name, isRight, run] of rows)
    it(`${name} is ${isRight ? 'right' : 'wrong'}`, () => expect(run()).toBe(isRight));
});

/** Answers as a file says, but for one statement. */
function subject(name: string, planted: ReadonlyMap<string, Answer | Refusal> = new Map()): Subject {
  const told = new Map<string, Answer | Refusal>([
    ['SELECT 1', { columns: ['int'], rows: [['1']], affected: null }],
    ['SELECT 2', { columns: ['int'], rows: [['1'], ['2']], affected: null }],
    ['SELECT bad', { error: 'SQL_NAME: there is no column bad' }],
    ...planted,
  ]);
  return {
    name,
    execute: async (sql) => told.get(sql) ?? { columns: [], rows: [], affected: 0 },
    close: async () => undefined,
  };
}

describe('planted faults', () => {
  const text = `statement ok\nCREATE TABLE t(a INT)\n\nquery I\nSELECT 1\n----\n1\n\nquery I rowsort\nSELECT 2\n----\n1\n2\n\nquery error\nSELECT bad\n`;
  const run = async (sql: string, planted: Answer | Refusal, by: 'varve' | 'stock', failures: number) => {
    const plant = new Map([[sql, planted]]);
    const subjects = [
      subject('stock', by === 'stock' ? plant : undefined),
      subject('varve', by === 'varve' ? plant : undefined),
    ];
    const file = await runFile({
      name: 'f.test',
      text,
      subjects,
      reference: 'stock',
      dialect: sqlite,
      every: 1,
    });
    const report = reportOf([file], 'stock');
    expect(report.failures).toHaveLength(failures);
    expect(report.queries.varve?.right).toBe(3 - (by === 'varve' ? 1 : 0));
    expect(reportText(report, 'stock')).toContain(`${failures} queries that stock answers rightly`);
  };
  const int = (...rows: string[]): Answer => ({
    columns: ['int'],
    rows: rows.map((value) => [value]),
    affected: null,
  });
  it('a wrong value of Varve fails', () => run('SELECT 1', int('2'), 'varve', 1));
  it('a lost row of Varve fails', () => run('SELECT 2', int('1'), 'varve', 1));
  it('a refusal of Varve fails', () => run('SELECT 2', { error: 'ENGINE_DEFECT: no' }, 'varve', 1));
  it('an answer of Varve where none should be fails', () => run('SELECT bad', int('1'), 'varve', 1));
  it('a wrong value of the reference does not', () => run('SELECT 1', int('2'), 'stock', 0));
});

it('asks every so-manieth query, and runs all statements', async () => {
  const text = Array.from(
    { length: 10 },
    (_, at) => `statement ok\nINSERT ${at}\n\nquery I\nSELECT ${at}\n----\n`,
  ).join('\n');
  const asked: string[] = [];
  const one: Subject = {
    name: 'varve',
    execute: async (sql) => {
      asked.push(sql);
      return { columns: ['int'], rows: [], affected: null };
    },
    close: async () => undefined,
  };
  await runFile({ name: 'f', text, subjects: [one], reference: 'stock', dialect: sqlite, every: 3 });
  expect(asked.filter((sql) => sql.startsWith('SELECT'))).toEqual([
    'SELECT 0',
    'SELECT 3',
    'SELECT 6',
    'SELECT 9',
  ]);
  expect(asked.filter((sql) => sql.startsWith('INSERT'))).toHaveLength(10);
});

describe('what a query stands on', () => {
  const right = { is: 'right' } as const;
  const run = (
    notes: readonly [string, 'taken' | 'refused'][],
    sql: string,
    expected: string | undefined,
  ): void => {
    const dependence = createDependence('stock');
    for (const [statement, outcome] of notes)
      dependence.note(statement, {
        stock: right,
        varve: outcome === 'taken' ? right : { is: 'refused', why: 'no' },
      });
    expect(dependence.of(sql)?.split(':')[0]).toBe(expected);
  };
  it('a table that is not there', () =>
    run(
      [['CREATE EXTERNAL TABLE Far (a INT)', 'refused']],
      'SELECT a FROM far',
      'stands on a statement that is refused',
    ));
  it('another table', () =>
    run([['CREATE EXTERNAL TABLE far (a INT)', 'refused']], 'SELECT a FROM farther', undefined));
  it('a table that is made later', () =>
    run(
      [
        ['CREATE TABLE t (a FAR)', 'refused'],
        ['CREATE TABLE t (a INT)', 'taken'],
      ],
      'SELECT a FROM t',
      undefined,
    ));
  it('an option', () =>
    run([['SET datafusion.x = 1', 'refused']], 'SELECT 1', 'stands on an option that cannot be set'));
  it('an option that is reset', () =>
    run(
      [
        ['SET datafusion.x = 1', 'refused'],
        ['RESET datafusion.x', 'refused'],
      ],
      'SELECT 1',
      undefined,
    ));
});
