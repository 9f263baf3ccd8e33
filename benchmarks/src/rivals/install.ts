/**
 * Installs the rivals on first use, in a folder of their own: no product install fetches them.
 *
 * All but better-sqlite3 bring compiled code. That of Polars is named for Linux x64, because npm leaves an optional
 * package out when the engine that it asks for, here Node 22, is another; it runs on Node 20. Polars 0.25.2 is the newest
 * whose packages for all platforms exist, without which the lockfile would not be whole. better-sqlite3 is compiled here, against the headers that stand beside Node where there are any; the result is kept in Cargo's target
 * folder, when one outside the clone is named, so that a fresh clone need not compile it again.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../command.js';
import type { Progress } from '../progress.js';

/** Folder of the rivals' own package.json. */
export const rivalsFolder: string = fileURLToPath(new URL('../../rivals/', import.meta.url));

const compiled = 'build/Release/better_sqlite3.node';

/** Makes every rival loadable. Idempotent; does nothing when all is there. */
export async function installRivals(progress: Progress): Promise<void> {
  if (!matchesLock()) {
    progress.step('installing the rivals (npm ci in benchmarks/rivals)');
    const quiet = ['--no-audit', '--no-fund', '--no-progress'];
    await run('npm', ['ci', '--ignore-scripts', '--no-engine-strict', ...quiet], { cwd: rivalsFolder });
  }
  await compileSqlite(progress);
  progress.end();
}

/** True when each locked package for this platform is there in its locked version. */
function matchesLock(): boolean {
  const hidden = join(rivalsFolder, 'node_modules/.package-lock.json');
  if (!existsSync(hidden)) return false;
  const present = packagesOf(hidden);
  return Object.entries(packagesOf(join(rivalsFolder, 'package-lock.json'))).every(
    ([path, { version, optional }]) =>
      path === '' || (optional === true && present[path] === undefined) || present[path]?.version === version,
  );
}

interface Locked {
  readonly version?: string;
  readonly optional?: boolean;
}

function packagesOf(file: string): Readonly<Record<string, Locked>> {
  return (JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Locked> }).packages;
}

async function compileSqlite(progress: Progress): Promise<void> {
  const folder = join(rivalsFolder, 'node_modules/better-sqlite3');
  const target = join(folder, compiled);
  if (existsSync(target)) return;
  const { version } = createRequire(join(folder, 'package.json'))('./package.json') as { version: string };
  const kept = keptCopy(version);
  if (kept !== undefined && existsSync(kept)) {
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(kept, target);
    return;
  }
  progress.step('compiling better-sqlite3 (about a minute, once)');
  const headers = dirname(dirname(process.execPath));
  const hasHeaders = existsSync(join(headers, 'include/node/node.h'));
  await run('npm', ['rebuild', 'better-sqlite3', '--ignore-scripts=false'], {
    cwd: rivalsFolder,
    env: {
      // Asks for a compiler run at once instead of a download that may not be possible.
      npm_config_build_from_source: 'true',
      ...(hasHeaders ? { npm_config_nodedir: headers } : {}),
    },
  });
  if (kept === undefined) return;
  mkdirSync(dirname(kept), { recursive: true });
  copyFileSync(target, kept);
}

/** Where the compiled file outlives the clone; undefined without a Cargo target folder of the user's choice. */
function keptCopy(version: string): string | undefined {
  const folder = process.env['CARGO_TARGET_DIR'];
  if (folder === undefined) return undefined;
  const platform = `${process.platform}-${process.arch}-${process.versions.modules}`;
  return join(folder, 'rivals', `better-sqlite3-${version}-${platform}.node`);
}
