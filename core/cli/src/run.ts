/**
 * The command: arguments in, exit code out.
 *
 * 0 all went well; 1 a statement or the database failed; 2 the arguments are wrong; 130 interrupted.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { VarveError } from '@varve/interfaces';
import { errorText } from './error-text.js';
import { type Mode, modes } from './format/writers.js';
import { runRepl } from './repl.js';
import { rowTypes } from './row-types.js';
import { Shell } from './shell.js';
import { openTarget } from './target.js';
import { type CliWorld, write } from './world.js';

const usage = `varve sql [DIRECTORY | FILE.parquet|.csv|.json|.arrow]   runs SQL: a prompt, or what comes through a pipe
  -c, --command SQL     runs this instead; may be given again
  -m, --mode MODE       ${modes.join(', ')}; by default a table on a terminal, else CSV
      --json            as --mode json, and errors as JSON
      --timing          tells how long statements take
      --read-only       changes nothing
      --memory BYTES    what queries may use before they spill to disk
      --allow FOLDER    lets SQL read and write files there; may be given again
varve types [DIRECTORY] [--out FILE]                      writes TypeScript types of the rows of all tables
      --int64 number, --decimal number, --timestamp bigint   as the program asks for them
varve help, varve --version
`;

const options = {
  command: { type: 'string', short: 'c', multiple: true },
  mode: { type: 'string', short: 'm' },
  json: { type: 'boolean' },
  timing: { type: 'boolean' },
  'read-only': { type: 'boolean' },
  memory: { type: 'string' },
  allow: { type: 'string', multiple: true },
  out: { type: 'string' },
  int64: { type: 'string' },
  decimal: { type: 'string' },
  timestamp: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parsed>['values'];

/** Runs `varve` with these arguments. @returns the exit code; it never throws */
export async function runVarve(args: readonly string[], world: CliWorld): Promise<number> {
  const form = args.includes('--json') ? 'json' : 'text';
  try {
    const { values, positionals } = parsed(args);
    const [name, path, ...others] = positionals;
    if (values.version === true) return await said(world, `${world.version}\n`);
    if (values.help === true || name === undefined || name === 'help') return await said(world, usage);
    if (others.length > 0) throw wrong(`there is one target, and ${others.join(' ')} is too much`);
    if (name === 'sql') return await runSql(world, path, values);
    if (name === 'types') return await runTypes(world, path, values);
    throw wrong(`there is no command ${name}`);
  } catch (error) {
    await write(world.stderr, errorText(error, form));
    return exitCode(error);
  }
}

/** What is wrong with the arguments, rather than with the database. */
class UsageError extends VarveError {}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : String(cause));
  }
}

async function runSql(world: CliWorld, path: string | undefined, values: Values): Promise<number> {
  const isTerminal = world.stdout.isTTY === true;
  const mode = modeOf(values, isTerminal);
  const interrupt = new AbortController();
  const target = await openTarget(world, path, {
    ...(values['read-only'] === true ? { readOnly: true } : {}),
    ...(values.memory === undefined ? {} : { memoryBytes: wholeNumber(values.memory, '--memory') }),
    ...(values.allow === undefined ? {} : { allowedFolders: values.allow }),
  });
  const stopListening = world.onInterrupt?.(() => interrupt.abort());
  const isRepl = values.command === undefined && world.stdin.isTTY === true;
  const shell = new Shell({
    engine: target.engine,
    clock: world.clock,
    write: (text) => write(world.stdout, text),
    note: (text) => write(world.stderr, text),
    showProgress: world.stderr.isTTY === true ? progressOn(world) : undefined,
    mode,
    timing: values.timing === true,
    rowsMax: isRepl ? 1_000 : 0,
    width: () => (isTerminal ? world.stdout.columns : undefined),
  });
  try {
    if (values.command !== undefined)
      for (const text of values.command) await shell.script(text, interrupt.signal);
    else if (!isRepl) await runPipe(world, shell, interrupt.signal);
    else {
      const { view } = target;
      await write(
        world.stdout,
        `Varve ${world.version}${view === undefined ? '' : `; the file is ${view}`}. .help shows commands.\n`,
      );
      stopListening?.();
      await runRepl(world, shell, target.engine);
    }
  } finally {
    stopListening?.();
    try {
      await shell.close();
    } finally {
      await target.close();
    }
  }
  return 0;
}

/** Runs what comes through a pipe, when all of it is there. */
async function runPipe(world: CliWorld, shell: Shell, signal: AbortSignal): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of world.stdin) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > 1 << 24)
      throw new VarveError('SQL_LIMIT', {
        message: 'the script is longer than 16 Mi characters',
        hint: 'load data with COPY, or split the script',
      });
  }
  await shell.script(text, signal);
}

async function runTypes(world: CliWorld, path: string | undefined, values: Values): Promise<number> {
  if (path === undefined) throw wrong('varve types needs a directory');
  const modesGiven = {
    ...choice(values, 'int64', ['bigint', 'number'] as const),
    ...choice(values, 'decimal', ['text', 'number'] as const),
    ...choice(values, 'timestamp', ['date', 'bigint'] as const),
  };
  const engine = await world.openSql(path, { readOnly: true, createIfMissing: false });
  try {
    const text = rowTypes(await engine.tables(), modesGiven);
    if (values.out === undefined) await write(world.stdout, text);
    else await writeFile(values.out, text);
  } finally {
    await engine.close();
  }
  return 0;
}

function modeOf(values: Values, isTerminal: boolean): Mode {
  if (values.mode === undefined) return values.json === true ? 'json' : isTerminal ? 'table' : 'csv';
  const known = modes.find((mode) => mode === values.mode);
  if (known === undefined) throw wrong(`there is no mode ${values.mode}; there are ${modes.join(', ')}`);
  return known;
}

function choice<Name extends 'int64' | 'decimal' | 'timestamp', Word extends string>(
  values: Values,
  name: Name,
  words: readonly Word[],
): { [Key in Name]?: Word } {
  const given = values[name];
  if (given === undefined) return {};
  const word = words.find((one) => one === given);
  if (word === undefined) throw wrong(`--${name} is ${words.join(' or ')}`);
  return { [name]: word } as { [Key in Name]?: Word };
}

function wholeNumber(text: string, name: string): number {
  const value = Number(text);
  if (text === '' || !Number.isSafeInteger(value) || value < 0)
    throw wrong(`${name} takes a number of bytes`);
  return value;
}

/** One line that is written over again, and taken away. */
function progressOn(world: CliWorld): (line: string) => void {
  let isShown = false;
  return (line) => {
    if (line !== '' || isShown) world.stderr.write(`\r\u001B[K${line}`);
    isShown = line !== '';
  };
}

async function said(world: CliWorld, text: string): Promise<number> {
  await write(world.stdout, text);
  return 0;
}

function exitCode(error: unknown): number {
  if (error instanceof UsageError) return 2;
  return error instanceof VarveError && error.code === 'QUERY_CANCELLED' ? 130 : 1;
}

function wrong(message: string): UsageError {
  return new UsageError('ARGUMENT_INVALID', { message, hint: 'varve help shows how' });
}
