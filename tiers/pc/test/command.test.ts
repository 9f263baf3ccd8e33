/** The command `varve` as npm puts it in place: a program of its own, over this tier. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../bin/varve.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'varve-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `varve` with these words, and with lines that come through a pipe. */
function varve(words: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    input,
    encoding: 'utf8',
  });
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

it('runs statements on a directory, which keeps what they did', () => {
  const directory = join(folder, 'kept');
  const made = varve(['sql', directory, '-c', 'create table t (id bigint); insert into t values (1), (2)']);
  expect(made).toMatchObject({ status: 0, stderr: '' });
  const asked = varve(['sql', directory, '--json'], 'select sum(id) as total from t;');
  expect(asked).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(asked.stdout)).toEqual([{ total: 3 }]);
});

it('reads a file, and writes the types of tables', () => {
  const file = join(folder, 'towns.csv');
  writeFileSync(file, 'name,people\nBern,134000\n');
  expect(varve(['sql', file, '--json', '-c', 'select * from towns'])).toMatchObject({
    status: 0,
    stderr: '',
  });
  const directory = join(folder, 'typed');
  varve(['sql', directory, '-c', 'create table towns (name varchar primary key, people bigint)']);
  const types = varve(['types', directory]);
  expect(types).toMatchObject({ status: 0, stderr: '' });
  expect(types.stdout).toContain('readonly people: bigint | null;');
});

it('tells what it was not given right, and what a statement did wrong', () => {
  expect(varve(['sql', '--mode', 'none'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('ARGUMENT_INVALID'),
  });
  expect(varve(['sql', join(folder, 'wrong'), '-c', 'selec 1'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('SQL_SYNTAX'),
  });
});

it('says its version', () =>
  expect(varve(['--version'])).toEqual({ status: 0, stdout: '0.1.0', stderr: '' }));
