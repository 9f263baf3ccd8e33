// Checks what a user of a package would receive: its shape (publint), its types (attw, ESM only), dead code and
// undeclared imports (knip), and sizes. Needs the built packages.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/paths.mjs';
import { run } from './lib/run.mjs';

/** Package folders below the given roots whose manifest is public. @param {readonly string[]} parents */
function publicPackages(parents) {
  return parents
    .flatMap((parent) => {
      const full = join(root, parent);
      return existsSync(full) ? readdirSync(full).map((name) => `${parent}/${name}`) : [];
    })
    .concat('capability-matrix')
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .filter(
      (folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')).private !== true,
    );
}

/** @type {{label: string, args: string[], cwd?: string}[]} */
const steps = [
  ...publicPackages(['core', 'native/addons', 'tiers']).flatMap((folder) => [
    { label: `publint ${folder}`, args: ['publint', '--strict', folder] },
    {
      label: `attw ${folder}`,
      args: ['attw', '--pack', folder, '--profile', 'esm-only', '--format', 'ascii'],
    },
  ]),
  { label: 'knip', args: ['knip', '--no-progress'] },
  { label: 'sizes', args: ['size-limit'] },
];

const failed = [];
for (const { label, args } of steps) {
  const { code, output } = await run('npx', ['--no-install', ...args], { label, allowFailure: true });
  if (code === 0) continue;
  console.log(output.trimEnd());
  failed.push(label);
}
console.log(
  failed.length === 0
    ? `packages: all ${steps.length} checks are clean`
    : `packages: failed: ${failed.join('; ')}`,
);
if (failed.length > 0) process.exitCode = 1;
