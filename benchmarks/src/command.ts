/** Runs other programs. Their output is kept, and shown when they fail. */
import { type ChildProcess, spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with every line of both outputs as it arrives. */
  readonly onLine?: (line: string) => void;
}

/** Programs that run now. */
const running = new Map<ChildProcess, Promise<unknown>>();

/** Ends every program that runs now, and waits until each is gone. */
export async function endPrograms(): Promise<void> {
  const ends = [...running.values()];
  for (const child of running.keys()) child.kill();
  await Promise.allSettled(ends);
}

/** A program ended with a failure; the message holds the end of its output. */
export class CommandFailed extends Error {}

/** @returns the program's standard output */
export function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { cwd, env, onLine } = options;
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<string>((resolve, reject) => {
    let output = '';
    let all = '';
    const take = (isResult: boolean) => (text: string) => {
      if (isResult) output += text;
      all += text;
      if (onLine !== undefined) for (const line of text.split('\n')) if (line !== '') onLine(line);
    };
    child.stdout.setEncoding('utf8').on('data', take(true));
    child.stderr.setEncoding('utf8').on('data', take(false));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          new CommandFailed(
            `${program} ${args.join(' ')} ended with ${code ?? signal}\n${all.slice(-4000).trimEnd()}`,
          ),
        );
    });
  });
  running.set(child, ended);
  return ended.finally(() => running.delete(child));
}

/** Runs a compiled module of this package in a fresh Node process and reads the JSON on the last line it prints. */
export async function runChild<T>(
  module: URL,
  args: readonly string[],
  options: CommandOptions & { readonly nodeArgs?: readonly string[] } = {},
): Promise<T> {
  const { nodeArgs = [], ...rest } = options;
  return lastJson<T>(await run(process.execPath, [...nodeArgs, module.pathname, ...args], rest));
}

/** The JSON value on the last line of a child's output. */
export function lastJson<T>(output: string): T {
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as T;
}
