/**
 * The addon's code is ordered by a linker script that gold and mold refuse: with those it could not be built at all. A
 * package of nothing but that part of the build script is built with a linker that takes it and one that does not.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { root } from '../lib/paths.mjs';

const folder = mkdtempSync(join(tmpdir(), 'varve-link-order-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Each row: what a linker does with a script → whether the library was linked with it, and what cargo warns of. */
const rows = [
  ['takes', ':', true, ''],
  ['refuses', 'exit 1', false, 'warning: ordered@0.0.0: the linker does not take sections.ld'],
];

// Elsewhere code is not ordered.
it.runIf(process.platform === 'linux').each(rows)(
  'a linker that %s a script',
  (name, answer, ordered, warning) => {
    const made = makePackage(join(folder, name), answer);
    const { status, stderr } = spawnSync('cargo', ['build', '--offline'], {
      cwd: made,
      encoding: 'utf8',
      env: { ...process.env, CARGO_TARGET_DIR: 'target', RUSTFLAGS: `-Clinker=${join(made, 'linker')}` },
    });
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.stringContaining(warning) });
    expect(stderr.includes('warning')).toBe(!ordered);
    expect(existsSync(join(made, 'target/debug/libordered.so'))).toBe(true);
    const [links] = readFileSync(join(made, 'links'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('libordered.so'));
    expect(links?.includes('/sections.ld')).toBe(ordered);
  },
);

/** @param {string} at @param {string} answer what the linker's shell script does when it is given a linker script */
function makePackage(at, answer) {
  mkdirSync(join(at, 'src'), { recursive: true });
  for (const name of ['link_order.rs', 'sections.ld'])
    cpSync(join(root, 'native/crates/varve_napi', name), join(at, name));
  writeFileSync(join(at, 'build.rs'), 'mod link_order;\nfn main() { link_order::order_code() }\n');
  writeFileSync(join(at, 'src/lib.rs'), '');
  const manifest = [
    '[package]',
    'name = "ordered"',
    'edition = "2024"',
    '[lib]',
    'crate-type = ["cdylib"]',
    '[workspace]',
  ];
  writeFileSync(join(at, 'Cargo.toml'), manifest.join('\n'));
  writeFileSync(
    join(at, 'linker'),
    `#!/bin/bash
echo "$@" >> '${at}/links'
words=()
for word in "$@"; do
  case "$word" in -Wl,-T,*) ${answer} ;; *) words+=("$word") ;; esac
done
exec cc "\${words[@]}"
`,
    { mode: 0o755 },
  );
  return at;
}
