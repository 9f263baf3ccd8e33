// The programs that must be there before anything else: Node, Rust and a C linker.
// A missing or too old one gives one line that says what to install.
import { execFileSync } from 'node:child_process';

const nodeMin = [20, 0];
const rustMin = [1, 95];

/**
 * @typedef {{node: string, rust: string | undefined, linker: string | undefined}} Toolchain
 *   versions as the programs print them; undefined when a program is missing
 */

/** Asks each program for its version. @returns {Toolchain} */
export function readToolchain() {
  return {
    node: process.version,
    rust: firstLine(process.env.RUSTC ?? 'rustc', ['--version']),
    linker: firstLine(process.env.CC ?? 'cc', ['--version']),
  };
}

/**
 * What is wrong with a toolchain, one line per program; empty when it will do.
 * @param {Toolchain} toolchain
 * @returns {string[]}
 */
export function toolchainProblems({ node, rust, linker }) {
  const problems = [];
  if (!atLeast(node, nodeMin)) {
    problems.push(
      `Node ${nodeMin[0]} or newer is needed, this is ${node}: install it from your system or nodejs.org`,
    );
  }
  if (rust === undefined) {
    problems.push(
      `Rust ${rustMin.join('.')} or newer is needed and none was found: install it with rustup (rustup.rs)`,
    );
  } else if (!atLeast(rust, rustMin)) {
    problems.push(
      `Rust ${rustMin.join('.')} or newer is needed, this is "${rust}": run "rustup update stable"`,
    );
  }
  if (linker === undefined) {
    problems.push(
      'A C linker is needed and "cc" was not found: install gcc or clang (Debian: apt install build-essential)',
    );
  }
  return problems;
}

/** @param {string} text @param {readonly number[]} least */
function atLeast(text, [leastMajor = 0, leastMinor = 0]) {
  const [, major, minor] = (/(\d+)\.(\d+)/.exec(text) ?? []).map(Number);
  if (major === undefined || minor === undefined) return false;
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

/** @param {string} command @param {string[]} args */
function firstLine(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split(
      '\n',
    )[0];
  } catch {
    return undefined;
  }
}
