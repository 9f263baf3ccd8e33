// Runs one command of a step and shows that it is alive.
//
// On a terminal: one line with a spinner, the elapsed time and the tool's latest phase. Elsewhere: plain lines,
// one at the start, one every 15 s, one at the end. The tool's own output is kept and shown when it fails.
import { spawn } from 'node:child_process';
import { root } from './paths.mjs';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/**
 * @typedef {object} RunOptions
 * @property {string} label what the step does, in the words of the person waiting
 * @property {string} [cwd] the repository's root by default
 * @property {Record<string, string>} [env] added to the environment
 * @property {(line: string) => string | undefined} [phase] a line of output → the phase it announces
 * @property {boolean} [allowFailure] resolves with the exit code instead of throwing
 */

/** Thrown when a command fails; its output has been printed. */
export class StepFailed extends Error {}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} options
 * @returns {Promise<{code: number, output: string, seconds: number}>}
 */
export async function run(
  command,
  args,
  { label, cwd = root, env = {}, phase = () => undefined, allowFailure },
) {
  const progress = startProgress(label);
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (/** @type {string} */ text) => {
      output += text;
      for (const line of text.split('\n')) progress.phase(phase(line));
    });
  }
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += String(error);
      resolve(127);
    });
    child.on('close', (status, signal) => resolve(status ?? (signal ? 128 : 1)));
  });
  const seconds = progress.end(code === 0);
  if (code !== 0 && !allowFailure) {
    process.stderr.write(`${output.trimEnd()}\n\nfailed (${code}): ${command} ${args.join(' ')}\n`);
    throw new StepFailed(label);
  }
  return { code, output, seconds };
}

/** The phase of a cargo line: what it compiles at the moment. @param {string} line */
export function cargoPhase(line) {
  return /^\s*(?:Compiling|Checking|Running|Doc-tests|Downloading|Building)\s+(\S+)/.exec(line)?.[0]?.trim();
}

/**
 * Starts one progress line.
 * @param {string} label
 */
function startProgress(label) {
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  const terminal = process.stderr.isTTY === true;
  let latest = '';
  let frame = 0;
  const draw = () => {
    const head = `${frames[frame++ % frames.length]} ${label}  ${elapsed().toFixed(0)} s`;
    const line = latest === '' ? head : `${head}  ${latest}`;
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  };
  const beat = () =>
    process.stderr.write(`  ${label}: ${elapsed().toFixed(0)} s${latest && `, ${latest}`}\n`);
  if (!terminal) process.stderr.write(`· ${label}\n`);
  const timer = setInterval(terminal ? draw : beat, terminal ? 100 : 15_000);
  return {
    /** @param {string | undefined} text */
    phase(text) {
      if (text !== undefined) latest = text;
    },
    /** @param {boolean} good @returns {number} elapsed seconds */
    end(good) {
      clearInterval(timer);
      const seconds = elapsed();
      process.stderr.write(
        `${terminal ? '\r\x1b[K' : ''}${good ? '✓' : '✗'} ${label}  ${seconds.toFixed(1)} s\n`,
      );
      return seconds;
    },
  };
}
