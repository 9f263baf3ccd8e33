/** The files of the crate datafusion-sqllogictest, out of the sources that cargo keeps. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const crate = 'datafusion-sqllogictest';

/**
 * Their folder, of the version of DataFusion that Varve is built with. Cost: the first time cargo fetches the crate and what
 * it depends on, most of which Varve's own build has fetched; nothing is compiled.
 *
 * @throws Error when cargo cannot fetch them
 */
export function datafusionFiles(): string {
  const folder = mkdtempSync(join(tmpdir(), 'varve-slt-'));
  try {
    writeFileSync(join(folder, 'lib.rs'), '');
    writeFileSync(join(folder, 'Cargo.toml'), manifest());
    const words = ['metadata', '--format-version=1', '--manifest-path', join(folder, 'Cargo.toml')];
    const told = execFileSync('cargo', words, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 1 << 28,
    });
    const { packages } = JSON.parse(told) as { packages: { name: string; manifest_path: string }[] };
    const found = packages.find(({ name }) => name === crate);
    if (found === undefined) throw new Error(`cargo knows no ${crate}`);
    return join(dirname(found.manifest_path), 'test_files');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of a crate of nothing that depends on it. */
function manifest(): string {
  const ours = readFileSync(fileURLToPath(new URL('../../../native/Cargo.toml', import.meta.url)), 'utf8');
  const version = /^datafusion = "(=[\d.]+)"$/m.exec(ours)?.[1];
  if (version === undefined) throw new Error('native/Cargo.toml names no version of DataFusion');
  return `[package]
name = "files"
version = "0.0.0"
edition = "2024"

[lib]
path = "lib.rs"

[dependencies]
${crate} = { version = "${version}", default-features = false }

[workspace]
`;
}
