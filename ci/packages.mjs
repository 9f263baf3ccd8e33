// Checks what a user of a package would receive: its shape (publint), its types (attw, ESM only), dead code and
// undeclared imports (knip), and sizes. Needs the built packages.
import { availableParallelism } from 'node:os';
import { publicPackages } from './lib/public-packages.mjs';
import { run } from './lib/run.mjs';

/** @type {{label: string, args: string[], cwd?: string}[]} */
const steps = [
  ...publicPackages().flatMap((folder) => [
    { label: `publint ${folder}`, args: ['publint', '--strict', folder] },
    {
      label: `attw ${folder}`,
      args: ['attw', '--pack', folder, '--profile', 'esm-only', '--format', 'ascii'],
    },
  ]),
  { label: 'knip', args: ['knip', '--no-progress'] },
  { label: 'sizes', args: ['size-limit'] },
];

/** @type {string[]} */
const failed = [];
const waiting = steps.values();
const oneAfterOther = async () => {
  for (const { label, args } of waiting) {
    const { code, output } = await run('npx', ['--no-install', ...args], { label, allowFailure: true });
    if (code === 0) continue;
    console.log(output.trimEnd());
    failed.push(label);
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, oneAfterOther));
console.log(
  failed.length === 0
    ? `packages: all ${steps.length} checks are clean`
    : `packages: failed: ${failed.join('; ')}`,
);
if (failed.length > 0) process.exitCode = 1;
