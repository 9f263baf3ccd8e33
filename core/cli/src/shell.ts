/**
 * Runs statements and dot commands, and writes what they answer. It knows no terminal: the REPL, a script and a pipe
 * stand above it.
 */
import { readFile } from 'node:fs/promises';
import {
  type Clock,
  type QueryProgress,
  type QueryResult,
  type SqlEngine,
  type SqlField,
  type SqlRow,
  type TableDescription,
  VarveError,
} from '@varve/interfaces';
import { quotedName } from './completion.js';
import { barChart, lineChart, type Series } from './format/plot.js';
import { progressBar } from './format/progress-bar.js';
import { isNumeric, valueText } from './format/text.js';
import { typeText } from './format/type-text.js';
import { createWriter, type Mode, modes } from './format/writers.js';
import { HeldTransaction } from './held-transaction.js';
import { splitSql } from './statements.js';

export interface ShellOptions {
  readonly engine: SqlEngine;
  readonly clock: Clock;
  /** Takes answers. */
  readonly write: (text: string) => Promise<void>;
  /** Takes what is no part of an answer. */
  readonly note: (text: string) => Promise<void>;
  /** Shows how far a query is, `''` to take it away again; absent where nobody watches. */
  readonly showProgress?: ((line: string) => void) | undefined;
  readonly mode: Mode;
  readonly timing?: boolean;
  /** Rows of a table at most; 0 for all. */
  readonly rowsMax?: number;
  /** Columns of the terminal, asked for anew each time. */
  readonly width?: () => number | undefined;
}

/** A dot command: what it takes, what it does, how. */
interface Command {
  readonly takes: string;
  readonly does: string;
  readonly run: (shell: Shell, rest: string, signal: AbortSignal) => Promise<void>;
}

const commands: Readonly<Record<string, Command>> = {
  '.help': { takes: '', does: 'shows this', run: (shell) => shell.help() },
  '.tables': { takes: '', does: 'lists tables and views', run: (shell) => shell.listTables() },
  '.schema': {
    takes: '[TABLE]',
    does: 'shows columns and keys',
    run: (shell, rest) => shell.showSchema(rest),
  },
  '.mode': {
    takes: `[${modes.join('|')}]`,
    does: 'chooses how answers look',
    run: (shell, rest) => shell.setMode(rest),
  },
  '.limit': {
    takes: 'ROWS',
    does: 'rows of a table at most; 0 for all',
    run: (shell, rest) => shell.setLimit(rest),
  },
  '.timing': {
    takes: '[on|off]',
    does: 'tells how long statements take',
    run: (shell, rest) => shell.setTiming(rest),
  },
  '.plot': {
    takes: '[bar|line] [SELECT …]',
    does: 'draws a query, or the last one',
    run: (shell, rest, signal) => shell.plot(rest, signal),
  },
  '.read': {
    takes: 'FILE',
    does: 'runs the statements of a file',
    run: (shell, rest, signal) => shell.readFile(rest, signal),
  },
  '.quit': { takes: '', does: 'ends', run: (shell) => shell.quit() },
};

/** Names of dot commands. */
export const commandNames: readonly string[] = Object.keys(commands);

export class Shell {
  readonly #options: ShellOptions;
  #mode: Mode;
  #timing: boolean;
  #rowsMax: number;
  #transaction: HeldTransaction | undefined;
  #lastSelect: string | undefined;
  #hasEnded = false;

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#mode = options.mode;
    this.#timing = options.timing ?? false;
    this.#rowsMax = options.rowsMax ?? 0;
  }

  /** After `.quit`. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isInTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  /** Runs one statement. @throws VarveError as the engine says */
  async statement(sql: string, signal: AbortSignal): Promise<void> {
    const begunMs = this.#options.clock.monotonicMs();
    if (!(await this.#transactionCommand(sql))) await this.#query(sql, signal);
    if (this.#timing) {
      const elapsedMs = this.#options.clock.monotonicMs() - begunMs;
      await this.#options.note(`${elapsedMs.toFixed(elapsedMs < 10 ? 2 : 0)} ms\n`);
    }
  }

  /** Runs a dot command. @throws VarveError ARGUMENT_INVALID for one that is none */
  async command(line: string, signal: AbortSignal): Promise<void> {
    const [, name = '', rest = ''] = /^(\S+)\s*([^]*?);?\s*$/.exec(line) ?? [];
    const alias = name === '.exit' ? '.quit' : name;
    const command = Object.hasOwn(commands, alias) ? commands[alias] : undefined;
    if (command === undefined) throw invalid(`there is no command ${name}`, '.help lists them');
    await command.run(this, rest, signal);
  }

  /** Runs all statements of a text, dot commands on lines of their own among them. */
  async script(text: string, signal: AbortSignal): Promise<void> {
    let waiting = '';
    for (const line of text.split('\n')) {
      if (line.startsWith('.') && splitSql(waiting).rest === '') {
        waiting = '';
        await this.command(line, signal);
        continue;
      }
      waiting += `${line}\n`;
      // Only a semicolon ends anything, and what is long is not looked through again for each of its lines.
      if (!line.includes(';')) continue;
      const { statements, rest } = splitSql(waiting);
      for (const sql of statements) await this.statement(sql, signal);
      waiting = rest === '' ? '' : `${rest}\n`;
    }
    const { rest } = splitSql(waiting);
    if (rest !== '') await this.statement(rest, signal);
  }

  /** Rolls back what is open. */
  async close(): Promise<void> {
    const held = this.#transaction;
    this.#transaction = undefined;
    await held?.rollback();
  }

  async help(): Promise<void> {
    const lines = Object.entries(commands).map(
      ([name, { takes, does }]) => `${`${name} ${takes}`.padEnd(34)} ${does}\n`,
    );
    await this.#options.write(`${lines.join('')}Statements end with a semicolon and may span lines.\n`);
  }

  async listTables(): Promise<void> {
    const tables = await this.#options.engine.tables();
    await this.#options.write(
      tables.map(({ name, kind }) => `${quotedName(name)}${kind === 'view' ? ' (view)' : ''}\n`).join(''),
    );
  }

  async showSchema(name: string): Promise<void> {
    const tables = await this.#options.engine.tables();
    const chosen = tables.filter((table) => name === '' || table.name === name.replaceAll('"', ''));
    if (chosen.length === 0 && name !== '')
      throw new VarveError('SQL_NAME', { message: `there is no table ${name}`, hint: '.tables lists them' });
    await this.#options.write(chosen.map(schemaText).join('\n'));
  }

  async setMode(mode: string): Promise<void> {
    if (mode === '') return this.#options.write(`${this.#mode}\n`);
    const known = modes.find((one) => one === mode);
    if (known === undefined) throw invalid(`there is no mode ${mode}`, `there are ${modes.join(', ')}`);
    this.#mode = known;
  }

  async setLimit(rows: string): Promise<void> {
    if (!/^\d{1,9}$/.test(rows)) throw invalid('.limit takes a number of rows', '0 is for all');
    this.#rowsMax = Number(rows);
  }

  async setTiming(word: string): Promise<void> {
    if (!['', 'on', 'off'].includes(word)) throw invalid('.timing is on or off', '');
    this.#timing = word === '' ? !this.#timing : word === 'on';
  }

  async readFile(path: string, signal: AbortSignal): Promise<void> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (cause) {
      throw new VarveError('FILE_MISSING', {
        message: `${path} cannot be read`,
        hint: 'check the path',
        cause,
      });
    }
    await this.script(text, signal);
  }

  async quit(): Promise<void> {
    this.#hasEnded = true;
  }

  async plot(rest: string, signal: AbortSignal): Promise<void> {
    const [, kind, given = ''] = /^(?:(bar|line)\b)?\s*([^]*)$/.exec(rest) ?? [];
    const sql = given === '' ? this.#lastSelect : given;
    if (sql === undefined) throw invalid('there is nothing to plot', 'give a SELECT, or run one first');
    const result = await this.#run(sql, signal);
    const [first, ...others] = result.fields.map((field, at) => ({
      ...field,
      name: result.names[at] ?? field.name,
    }));
    const rows = await result.rows();
    this.#lastSelect = sql;
    const numeric = others.filter(({ type }) => isNumeric(type));
    if (first === undefined || numeric.length === 0)
      throw invalid(
        'a plot needs two columns, numbers in the second',
        'select a label or x first, then numbers',
      );
    const width = this.#options.width?.() ?? 80;
    const isLine = kind === 'line' || (kind === undefined && isContinuous(first));
    await this.#options.write(
      isLine ? lines(first, numeric, rows, width) : bars(first, numeric, rows, width),
    );
  }

  async #query(sql: string, signal: AbortSignal): Promise<void> {
    const result = await this.#run(sql, signal);
    if (result.fields.length === 0) {
      await result.rows();
      if (result.rowsAffected !== undefined && this.#mode === 'table')
        await this.#options.write(`${countOf(result.rowsAffected)} changed\n`);
      return;
    }
    if (result.rowsAffected === undefined) this.#lastSelect = sql;
    await this.#show(result);
  }

  async #show(result: QueryResult): Promise<void> {
    const { write, width } = this.#options;
    const writer = createWriter(this.#mode, result, { width: width?.() });
    const isTable = this.#mode === 'table';
    const most = isTable && this.#rowsMax > 0 ? this.#rowsMax : Number.POSITIVE_INFINITY;
    let shown = 0;
    let isCut = false;
    for await (const batch of result.batches()) {
      const rows = batch.rows();
      isCut = shown + rows.length > most;
      await write(writer.rows(isCut ? rows.slice(0, most - shown) : rows));
      shown = Math.min(shown + rows.length, most);
      if (isCut) break;
    }
    this.#options.showProgress?.('');
    await write(writer.end());
    if (isTable)
      await write(isCut ? `the first ${countOf(shown)}; .limit 0 shows all\n` : `${countOf(shown)}\n`);
  }

  async #run(sql: string, signal: AbortSignal): Promise<QueryResult> {
    const { engine, clock, showProgress, width } = this.#options;
    const session = this.#transaction?.session ?? engine;
    if (showProgress === undefined) return session.query(sql, [], { signal });
    const begunMs = clock.monotonicMs();
    const progress = (step: QueryProgress): void => {
      const elapsedMs = clock.monotonicMs() - begunMs;
      // What ends soon needs no bar.
      if (elapsedMs > 300) showProgress(progressBar(step, elapsedMs, width?.() ?? 80));
    };
    try {
      return await session.query(sql, [], { signal, progress });
    } finally {
      showProgress('');
    }
  }

  /** BEGIN, COMMIT and ROLLBACK as typed; the engine's contract has them as a function. */
  async #transactionCommand(sql: string): Promise<boolean> {
    const word = /^(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK)(?:\s+(?:TRANSACTION|WORK))?$/i.exec(
      sql,
    )?.[1];
    if (word === undefined) return false;
    const isBegin = /^(?:BEGIN|START)/i.test(word);
    if (isBegin !== (this.#transaction === undefined))
      throw new VarveError('TRANSACTION_STATE', {
        message: isBegin ? 'a transaction is open already' : 'no transaction is open',
        hint: isBegin ? 'end it with COMMIT or ROLLBACK' : 'start one with BEGIN',
      });
    if (isBegin) this.#transaction = await HeldTransaction.begin(this.#options.engine);
    else if (/^ROLLBACK/i.test(word)) await this.close();
    else {
      const held = this.#transaction;
      this.#transaction = undefined;
      await held?.commit();
    }
    return true;
  }
}

function schemaText({ name, kind, columns, primaryKey }: TableDescription): string {
  const lines = columns.map(
    (field) => `  ${quotedName(field.name)} ${typeText(field.type)}${field.nullable ? '' : ' NOT NULL'}`,
  );
  const key = primaryKey.length > 0 ? [`  PRIMARY KEY (${primaryKey.map(quotedName).join(', ')})`] : [];
  return `${kind.toUpperCase()} ${quotedName(name)} (\n${[...lines, ...key].join(',\n')}\n);\n`;
}

function bars(label: SqlField, [value]: readonly SqlField[], rows: readonly SqlRow[], width: number): string {
  const shown = rows.slice(0, 100).map((row) => ({
    label: valueText(row[label.name] ?? null, label.type),
    value: Number(row[value?.name ?? ''] ?? Number.NaN),
  }));
  const more = rows.length > shown.length ? `and ${countOf(rows.length - shown.length)} more\n` : '';
  return barChart(shown, width) + more;
}

function lines(x: SqlField, values: readonly SqlField[], rows: readonly SqlRow[], width: number): string {
  const isTime = x.type.kind === 'date' || x.type.kind === 'timestamp';
  const series: Series[] = values.map(({ name }) => ({
    name,
    points: rows.map((row, at) => ({
      x: isContinuous(x) ? Number(row[x.name] ?? Number.NaN) : at,
      y: numberOf(row[name]),
    })),
  }));
  const xText = isTime ? (ms: number) => valueText(new Date(ms), x.type) : undefined;
  return lineChart(series, { width, height: 16 }, xText);
}

function numberOf(value: unknown): number {
  return value === null || value === undefined ? Number.NaN : Number(value);
}

function isContinuous({ type }: SqlField): boolean {
  return isNumeric(type) || type.kind === 'date' || type.kind === 'timestamp';
}

function countOf(rows: number): string {
  return `${rows} ${rows === 1 ? 'row' : 'rows'}`;
}

function invalid(message: string, hint: string): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message, hint });
}
