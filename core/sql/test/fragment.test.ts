/** Templates: what is written as text, what stays a value, and what is refused. */
import { sql } from '@varve/sql';
import { describe, expect, it } from 'vitest';
import { statementOf } from '../src/fragment.js';

const where = sql`a = ${1} and ${sql.identifier('b')} = ${'x'}`;

/** A template, the statement, and its values. */
const rows: readonly (readonly [ReturnType<typeof sql>, string, readonly unknown[]])[] = [
  [sql`select 1`, 'select 1', []],
  [sql`select ${1}, ${'two'}`, 'select $1, $2', [1, 'two']],
  [sql`${1}${2}`, '$1$2', [1, 2]],
  [
    sql`select * from t where ${where} limit ${5}`,
    'select * from t where a = $1 and "b" = $2 limit $3',
    [1, 'x', 5],
  ],
  [sql`(${sql`(${sql`${1}`})`})`, '(($1))', [1]],
  [sql`${sql`a`}${sql`b`}${3}`, 'ab$1', [3]],
  [sql`select ${sql.identifier('s', 'we"ird')}`, 'select "s"."we""ird"', []],
  [sql`x in (${sql.list([1, 2, 3])})`, 'x in ($1, $2, $3)', [1, 2, 3]],
  [sql`x in (${sql.list([])})`, 'x in (NULL)', []],
  [sql`where ${sql.join([sql`a = ${1}`, sql`b = ${2}`], ' or ')}`, 'where a = $1 or b = $2', [1, 2]],
  [
    sql`values ${sql.join([sql`(${sql.list([1, 2])})`, sql`(${sql.list([3, 4])})`])}`,
    'values ($1, $2), ($3, $4)',
    [1, 2, 3, 4],
  ],
  [sql`a${sql.join([])}b`, 'ab', []],
  [sql`price = '$1' and \\ = ${null}`, "price = '$1' and \\ = $1", [null]],
];

describe('templates', () => {
  it.each(rows)('%#', (fragment, text, values) => {
    expect(statementOf(fragment)).toEqual({ text, values });
  });
});

/** What is no template or name. */
const refusals: readonly (readonly [string, () => unknown])[] = [
  ['a text', () => sql('select 1' as never)],
  ['an array', () => sql(['select 1'] as never)],
  ['an empty name', () => sql.identifier('')],
  ['no name', () => sql.identifier()],
  ['a name with a NUL', () => sql.identifier('a\0b')],
  ['a list that is none', () => sql.list('abc' as never)],
  ['texts to join', () => sql.join(['a = 1'] as never)],
];

describe('what is refused', () => {
  it.each(refusals)('%s', (_, call) => {
    expect(call).toThrow(expect.objectContaining({ name: 'VarveError', code: 'ARGUMENT_INVALID' }));
  });
});
