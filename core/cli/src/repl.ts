/** The REPL: lines in, statements out; history, completion, Ctrl-C. */
import { appendFile, readFile } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';
import type { SqlEngine, TableDescription } from '@varve/interfaces';
import { completions } from './completion.js';
import { errorText } from './error-text.js';
import { commandNames, type Shell } from './shell.js';
import { splitSql } from './statements.js';
import { type CliWorld, write } from './world.js';

const linesKept = 1_000;

/** Reads and runs until the input ends or `.quit`; what fails is told, and the next line is asked for. */
export async function runRepl(world: CliWorld, shell: Shell, engine: SqlEngine): Promise<void> {
  const repl = new Repl(world, shell, engine);
  await repl.run();
}

class Repl {
  readonly #world: CliWorld;
  readonly #shell: Shell;
  readonly #engine: SqlEngine;
  /** Lines of a statement that is not whole yet. */
  #waiting: string[] = [];
  #tables: readonly TableDescription[] = [];
  #running: AbortController | undefined;
  /** Node's own list, newest first; it may be changed in place. */
  #history: string[] = [];

  constructor(world: CliWorld, shell: Shell, engine: SqlEngine) {
    this.#world = world;
    this.#shell = shell;
    this.#engine = engine;
  }

  async run(): Promise<void> {
    this.#history = await this.#readHistory();
    const lines = createInterface({
      input: this.#world.stdin,
      output: this.#world.stdout,
      terminal: this.#world.stdout.isTTY === true,
      history: this.#history,
      historySize: linesKept,
      removeHistoryDuplicates: true,
      completer: (line: string) => completions(line, this.#tables, commandNames),
    });
    lines.on('history', (history: string[]) => {
      this.#history = history;
    });
    lines.on('SIGINT', () => this.#interrupt(lines));
    await this.#refresh();
    this.#prompt(lines);
    // Not `for await`: it loses lines that come while one runs.
    const queue: string[] = [];
    await new Promise<void>((resolve) => {
      let isBusy = false;
      const drain = async (): Promise<void> => {
        if (isBusy) return;
        isBusy = true;
        for (let line = queue.shift(); line !== undefined && !this.#shell.hasEnded; line = queue.shift()) {
          await this.#take(line);
          if (!this.#shell.hasEnded) this.#prompt(lines);
        }
        isBusy = false;
        if (this.#shell.hasEnded) lines.close();
        if (isClosed) resolve();
      };
      let isClosed = false;
      lines.on('line', (line) => {
        queue.push(line);
        void drain();
      });
      lines.on('close', () => {
        isClosed = true;
        if (!isBusy) resolve();
      });
    });
  }

  async #take(line: string): Promise<void> {
    if (this.#waiting.length === 0 && line.trimStart().startsWith('.')) {
      await this.#attempt((signal) => this.#shell.command(line.trim(), signal));
      return this.#remember([line]);
    }
    this.#waiting.push(line);
    const { statements, rest } = splitSql(this.#waiting.join('\n'));
    if (statements.length > 0) await this.#remember(this.#waiting);
    this.#waiting = rest === '' ? [] : rest.split('\n');
    for (const sql of statements)
      if (!(await this.#attempt((signal) => this.#shell.statement(sql, signal)))) return;
  }

  async #attempt(task: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    this.#running = new AbortController();
    try {
      await task(this.#running.signal);
      return true;
    } catch (error) {
      await write(this.#world.stderr, errorText(error, 'text'));
      return false;
    } finally {
      this.#running = undefined;
      await this.#refresh();
    }
  }

  /** Stops what runs, else drops what was typed. */
  #interrupt(lines: Interface): void {
    if (this.#running !== undefined) return this.#running.abort();
    this.#waiting = [];
    this.#world.stdout.write('\n');
    lines.write(null, { ctrl: true, name: 'u' });
    this.#prompt(lines);
  }

  #prompt(lines: Interface): void {
    const mark = this.#shell.isInTransaction ? '*' : '';
    lines.setPrompt(this.#waiting.length > 0 ? '  ...> ' : `varve${mark}> `);
    lines.prompt();
  }

  /** Tables and columns for the next completion. */
  async #refresh(): Promise<void> {
    this.#tables = await this.#engine.tables().catch(() => []);
  }

  /** Puts the lines of one statement together, here and in the file. */
  async #remember(lines: readonly string[]): Promise<void> {
    const entry = lines.some((line) => line.includes('--'))
      ? undefined
      : lines.map((line) => line.trim()).join(' ');
    if (entry !== undefined && lines.length > 1) this.#history.splice(0, lines.length, entry);
    const kept = (entry === undefined ? lines : [entry]).filter((line) => line.trim() !== '');
    const { historyFile } = this.#world;
    if (historyFile === undefined || kept.length === 0) return;
    // What was typed may hold secrets: nobody else reads it.
    await appendFile(historyFile, `${kept.join('\n')}\n`, { mode: 0o600 }).catch(() => undefined);
  }

  async #readHistory(): Promise<string[]> {
    const { historyFile } = this.#world;
    if (historyFile === undefined) return [];
    const text = await readFile(historyFile, 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .slice(-linesKept)
      .toReversed();
  }
}
