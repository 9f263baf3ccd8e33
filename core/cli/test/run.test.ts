/** The command as a whole: arguments, pipes, modes, dot commands, transactions, the REPL, exit codes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type CliOpenOptions, type CliWorld, runVarve } from '@varve/cli';
import { type Clock, type SqlField, VarveError } from '@varve/interfaces';
import { afterAll, describe, expect, it } from 'vitest';
import { type Canned, CannedEngine } from './canned-engine.js';

const folder = mkdtempSync(join(tmpdir(), 'varve-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Half a second passes with every look at it. */
function steppingClock(): Clock {
  let nowMs = 0;
  return { wallMs: () => 0, monotonicMs: () => (nowMs += 500), after: () => () => undefined };
}

const fields: readonly SqlField[] = [
  { name: 'day', type: { kind: 'text' }, nullable: false },
  { name: 'n', type: { kind: 'integer', bits: 64, signed: true }, nullable: true },
];
const rows = [
  { day: 'mon', n: 1n },
  { day: 'tue', n: 2n },
  { day: 'wed', n: null },
];
const answers: Readonly<Record<string, Canned>> = {
  'select days': { fields, rows },
  'select\ndays': { fields, rows },
  'select none': { fields, rows: [] },
  insert: { changed: 3 },
  create: { fields: [], rows: [] },
  wait: 'waits',
  fail: new VarveError('CONSTRAINT_VIOLATED', { message: 'id is there', hint: 'take another' }),
};
const tables = [
  { schema: 'main', name: 'days', kind: 'table', columns: fields, primaryKey: ['day'] },
] as const;

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly heard: readonly string[];
  readonly opened: readonly (readonly [string, CliOpenOptions])[];
}

/** @param lines typed or piped; undefined for a terminal that nobody types on */
async function run(
  args: readonly string[],
  { input = '', isTTY = false, historyFile }: { input?: string; isTTY?: boolean; historyFile?: string } = {},
): Promise<Run> {
  const engine = new CannedEngine(
    { ...answers, [`CREATE VIEW flights AS SELECT * FROM '${join(folder, 'flights.csv')}'`]: { changed: 0 } },
    tables,
  );
  const opened: [string, CliOpenOptions][] = [];
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [out, err] = [text(stdout), text(stderr)];
  const interrupts: (() => void)[] = [];
  const world: CliWorld = {
    async openSql(directory, options) {
      if (directory.endsWith('locked')) throw new VarveError('STORE_LOCKED', { message: 'somebody has it' });
      opened.push([directory, options]);
      return engine;
    },
    stdin: Object.assign(Readable.from(input === '' ? [] : [input]), { isTTY }),
    stdout: Object.assign(stdout, { isTTY: false }),
    stderr: Object.assign(stderr, { isTTY }),
    clock: steppingClock(),
    version: '1.2.3',
    ...(historyFile === undefined ? {} : { historyFile }),
    onInterrupt(heard) {
      interrupts.push(heard);
      return () => undefined;
    },
  };
  const ended = runVarve(args, world);
  if (args.includes('wait')) setTimeout(() => interrupts.forEach((heard) => heard()), 20);
  const code = await ended;
  stdout.end();
  stderr.end();
  return { code, out: await out, err: await err, heard: engine.heard, opened };
}

const csv = 'day,n\r\nmon,1\r\ntue,2\r\nwed,\r\n';

/** Arguments, what is piped in, the exit code, and what stands on both outputs. */
const runs: readonly (readonly [readonly string[], string, number, string | RegExp, string | RegExp])[] = [
  [['--version'], '', 0, '1.2.3\n', ''],
  [['help'], '', 0, /^varve sql/, ''],
  [[], '', 0, /^varve sql/, ''],
  [['sql', '-c', 'select days'], '', 0, csv, ''],
  [
    ['sql', 'db', '-c', 'select days;', '-m', 'jsonl'],
    '',
    0,
    '{"day":"mon","n":1}\n{"day":"tue","n":2}\n{"day":"wed","n":null}\n',
    '',
  ],
  [['sql', '-c', 'insert', '--mode', 'table'], '', 0, '3 rows changed\n', ''],
  [['sql', '-c', 'insert'], '', 0, '', ''],
  // A statement without an answer was an empty line of CSV.
  [['sql', '-c', 'create'], '', 0, '', ''],
  [['sql', '-c', 'create', '-m', 'json'], '', 0, '', ''],
  [['sql'], 'select days;\n.mode json\nselect none', 0, `${csv}[]\n`, ''],
  [['sql'], 'select\ndays;', 0, csv, ''],
  [['sql'], '-- nothing\n;\n', 0, '', ''],
  [['sql', '--timing', '-c', 'insert'], '', 0, '', '500 ms\n'],
  [
    ['sql', '-m', 'table', '-c', '.limit 1', '-c', 'select days'],
    '',
    0,
    /│ mon │ 1 │\n└─+┴─+┘\nthe first 1 row; \.limit 0 shows all\n$/,
    '',
  ],
  [['sql', '-c', '.tables'], '', 0, 'days\n', ''],
  [
    ['sql', '-c', '.schema days'],
    '',
    0,
    'TABLE days (\n  day VARCHAR NOT NULL,\n  n BIGINT,\n  PRIMARY KEY (day)\n);\n',
    '',
  ],
  [['sql', '-c', '.help'], '', 0, /\.plot/, ''],
  [['sql', '-c', '.plot bar select days'], '', 0, /^mon █+▌ 1\ntue █+ 2\nwed +–\n$/, ''],
  [['sql', '-c', 'select days', '-c', '.plot line'], '', 0, /│/, ''],
  [['sql', '-c', '.plot'], '', 1, '', /ARGUMENT_INVALID: there is nothing to plot/],
  [['sql', '-c', '.quit now'], '', 0, '', ''],
  [['sql', '-c', '.nothing'], '', 1, '', /there is no command \.nothing\nhint: \.help/],
  [['sql', '-c', '.schema nothing'], '', 1, '', /SQL_NAME/],
  [['sql', '-c', '.read /none/file.sql'], '', 1, '', /FILE_MISSING/],
  [['sql', '-c', 'fail'], '', 1, '', 'error CONSTRAINT_VIOLATED: id is there\nhint: take another\n'],
  [
    ['sql', '--json', '-c', 'fail'],
    '',
    1,
    '',
    '{"error":{"code":"CONSTRAINT_VIOLATED","message":"id is there","hint":"take another"}}\n',
  ],
  [['sql', '-c', 'wait'], '', 130, '', /QUERY_CANCELLED/],
  [['sql', 'locked'], '', 1, '', /STORE_LOCKED/],
  [['sql', '--nope'], '', 2, '', /--nope/],
  [['sql', 'a', 'b'], '', 2, '', /too much/],
  [['sql', '-m', 'xml'], '', 2, '', /no mode xml/],
  [['sql', '--memory', 'lots'], '', 2, '', /number of bytes/],
  [['walk'], '', 2, '', /no command walk/],
  [['types'], '', 2, '', /needs a directory/],
  [
    ['types', 'db'],
    '',
    0,
    /export interface Days \{\n {2}readonly day: string;\n {2}readonly n: bigint \| null;\n\}/,
    '',
  ],
  [['types', 'db', '--int64', 'number'], '', 0, /readonly n: number \| null/, ''],
  [['types', 'db', '--int64', 'text'], '', 2, '', /--int64 is bigint or number/],
];

describe('the command', () => {
  it.each(runs.map((row) => ({ args: row[0], row })))(
    '$args',
    async ({ row: [args, input, code, out, err] }) => {
      const done = await run(args, { input });
      expect(done.err).toMatch(typeof err === 'string' ? new RegExp(`^${escaped(err)}$`) : err);
      expect(done.out).toMatch(typeof out === 'string' ? new RegExp(`^${escaped(out)}$`) : out);
      expect(done.code).toBe(code);
      if (done.opened.length > 0) expect(done.heard.at(-1)).toBe('(close)');
    },
  );

  it('opens a directory as asked, and a file as a view of its own', async () => {
    const options = ['--read-only', '--memory', '1000', '--allow', 'a', '--allow', 'b', '-c', 'insert'];
    const { opened } = await run(['sql', 'db', ...options]);
    expect(opened).toEqual([['db', { readOnly: true, memoryBytes: 1000, allowedFolders: ['a', 'b'] }]]);
    const file = await run(['sql', join(folder, 'flights.csv'), '-c', 'select none']);
    expect(file.opened[0]?.[1]).toEqual({ allowedFolders: [folder] });
    expect(file.heard[0]).toMatch(/^CREATE VIEW flights/);
    expect(file.code).toBe(0);
  });

  it('runs a file of statements', async () => {
    const path = join(folder, 'script.sql');
    writeFileSync(path, '.mode jsonl\nselect\ndays;\ninsert;\n');
    const { out, heard } = await run(['sql', '-c', `.read ${path}`]);
    expect(out.split('\n')).toHaveLength(4);
    expect(heard).toEqual(['select\ndays', 'insert', '(close)']);
  });

  /** What is typed, and what reaches the engine. */
  it.each([
    ['begin; insert; commit;', ['(begin)', 'insert', '(commit)', '(close)'], 0],
    ['begin; insert; rollback; insert;', ['(begin)', 'insert', '(rollback)', 'insert', '(close)'], 0],
    ['begin; insert;', ['(begin)', 'insert', '(rollback)', '(close)'], 0],
    ['begin; fail; commit;', ['(begin)', 'fail', '(rollback)', '(close)'], 1],
    ['commit;', ['(close)'], 1],
    ['begin; begin;', ['(begin)', '(rollback)', '(close)'], 1],
  ])('transactions: %s', async (input, heard, code) => {
    const done = await run(['sql'], { input });
    expect(done.heard).toEqual(heard);
    expect(done.code).toBe(code);
  });
});

describe('the REPL', () => {
  it('goes on after a failure, joins lines, and keeps what was typed', async () => {
    const historyFile = join(folder, 'history');
    const input = 'fail;\nselect\ndays;\n.mode jsonl\nselect none; select days;\n.quit\nselect days;\n';
    const { code, out, err, heard } = await run(['sql', 'db'], { input, isTTY: true, historyFile });
    expect(code).toBe(0);
    expect(err).toContain('CONSTRAINT_VIOLATED');
    expect(heard).toEqual(['fail', 'select\ndays', 'select none', 'select days', '(close)']);
    expect(out).toContain('varve> ');
    expect(out).toContain('  ...> ');
    expect(readFileSync(historyFile, 'utf8')).toBe(
      'fail;\nselect days;\n.mode jsonl\nselect none; select days;\n.quit\n',
    );
  });

  it('ends with its input', async () => {
    const { code, heard } = await run(['sql', 'db'], { input: 'begin;\ninsert;\n', isTTY: true });
    expect(code).toBe(0);
    expect(heard).toEqual(['(begin)', 'insert', '(rollback)', '(close)']);
  });
});

function escaped(plain: string): string {
  return plain.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
