// Formats generated text with the repository's own formatters, so that it passes the same checks.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { root } from './inputs.mjs';

const cwd = fileURLToPath(root);

/** @param {string} text */
export const formatTypeScript = (text) =>
  pipe('npx', ['--no-install', 'biome', 'format', '--stdin-file-path=core/generated.ts'], text);

/** @param {string} text */
export const formatRust = (text) =>
  pipe('rustfmt', ['--edition', '2024', '--config-path', 'native/rustfmt.toml'], text);

/** @param {string} command @param {string[]} args @param {string} input */
function pipe(command, args, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${error ?? stderr}`);
  return stdout;
}
