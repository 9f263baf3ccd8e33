/** Runs other programs. Their output is kept, and shown when they fail. */
import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called with every line of both outputs as it arrives. */
  readonly onLine?: (line: string) => void;
}

/** A program ended with a failure; the message holds the end of its output. */
export class CommandFailed extends Error {}

/** @returns the program's standard output */
export function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { cwd, env, onLine } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
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
