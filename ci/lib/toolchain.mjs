// The programs that must be there before anything else: Node, Rust with Cargo, and a C linker.
// A missing or too old one gives one line that says what to install.
import { execFileSync } from 'node:child_process';

/** What rolldown, vitest and knip run on: the least minor version of each major one, and every later major one. */
const nodeLines = [
  [20, 19],
  [22, 12],
];
const nodeFrom = [24, 0];
const rustMin = [1, 95];

/** The versions of Node that build Varve, as `engines` writes them. The built packages run on more. */
export const nodeRange = [...nodeLines.map((line) => `^${line.join('.')}`), `>=${nodeFrom[0]}`].join(' || ');

/**
 * @typedef {{node: string, rust: string | undefined, cargo: string | undefined, linker: string | undefined}} Toolchain
 *   versions as the programs print them; undefined when a program is missing
 */

/** Asks each program for its version. @returns {Toolchain} */
export function readToolchain() {
  return {
    node: process.version,
    rust: firstLine(process.env.RUSTC ?? 'rustc', ['--version']),
    cargo: firstLine('cargo', ['--version']),
    linker: firstLine(process.env.CC ?? 'cc', ['--version']),
  };
}

/**
 * What is wrong with a toolchain, one line per program; empty when it will do.
 * @param {Toolchain} toolchain
 * @returns {string[]}
 */
export function toolchainProblems({ node, rust, cargo, linker }) {
  const problems = [];
  if (!atLeast(node, nodeFrom) && !nodeLines.some((line) => isOfLine(node, line))) {
    problems.push(
      `Node ${nodeRange} is needed to build Varve, this is ${node}: install one from your system or nodejs.org`,
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
  if (rust !== undefined && cargo === undefined) {
    problems.push(
      'Cargo is needed beside rustc and "cargo" was not found: install Rust with rustup (rustup.rs), which brings both',
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
function atLeast(text, least) {
  const [major = -1] = versionIn(text);
  return major > (least[0] ?? 0) || isOfLine(text, least);
}

/** The same major version, and no older. @param {string} text @param {readonly number[]} least */
function isOfLine(text, [leastMajor, leastMinor = 0]) {
  const [major, minor = -1] = versionIn(text);
  return major === leastMajor && minor >= leastMinor;
}

/** Major and minor; nothing when there is no version. @param {string} text */
function versionIn(text) {
  return (/(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
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
