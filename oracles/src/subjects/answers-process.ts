/** Engines behind the Rust program `answers` of varve_sql: DataFusion as it comes, and varve_sql without JavaScript. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Answer, Refusal, Subject } from './subject.js';

/** Which engine. */
export type Engine = 'stock' | 'varve';

/** Starts the program, which `buildAnswers` has built. What its statements write goes into a folder of its own. */
export function startAnswers(program: string, engine: Engine): Subject {
  const cwd = mkdtempSync(join(tmpdir(), 'varve-answers-'));
  const child = spawn(program, [engine], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name: engine,
    async execute(sql) {
      makeFolder(cwd, sql);
      child.stdin.write(`${JSON.stringify({ sql })}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${program} ${engine} ended: ${endOf(child)}, at ${sql}`);
      return JSON.parse(value as string) as Answer | Refusal;
    },
    async close() {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

/** The folder that a COPY writes into. DataFusion makes it, Varve does not. */
function makeFolder(cwd: string, sql: string): void {
  const target = /^\s*COPY\b.*?\bTO\s+'([^']+)'/is.exec(sql)?.[1];
  if (target === undefined || target.split('/').includes('..')) return;
  mkdirSync(join(cwd, dirname(target)), { recursive: true });
}

/** Builds the program, in the selection that all builds of the heavy crates share. @returns where it lies */
export function buildAnswers(): string {
  const manifest = fileURLToPath(new URL('../../../native/Cargo.toml', import.meta.url));
  const selection = ['-p', 'varve_table', '-p', 'varve_sql', '--example', 'answers'];
  const words = ['build', '--locked', '--manifest-path', manifest, ...selection, '--message-format=json'];
  const messages = execFileSync('cargo', words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
  const built = messages
    .split('\n')
    .filter((line) => line.includes('"executable":"'))
    .map((line) => JSON.parse(line) as { executable: string; target: { name: string } })
    .find(({ target }) => target.name === 'answers');
  if (built === undefined) throw new Error('cargo built no program named answers');
  return built.executable;
}

function endOf({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ?? `code ${exitCode}`;
}
