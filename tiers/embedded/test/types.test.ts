/**
 * A user's program type-checks against what the package says of itself. It once did not: `put` took no durability,
 * `valueEncoding: 'json'` left values text, and types on the face had no name there.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));
const program = fileURLToPath(new URL('types/program.ts', import.meta.url));

/** How users compile: each row is a set of options. */
it.each([['--strict'], ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess']])(
  'tsc %s',
  (...options) => {
    const fixed = '--ignoreConfig --noEmit --module nodenext --target es2023 --lib es2023,esnext.disposable';
    const { status, stdout } = spawnSync(
      process.execPath,
      [tsc, ...fixed.split(' '), '--types', 'node', '--skipLibCheck', ...options, program],
      { encoding: 'utf8' },
    );
    expect(stdout).toBe('');
    expect(status).toBe(0);
  },
);
