/**
 * The tables and texts of TPC-DS, made once by DuckDB's extension: kept as Parquet and `queries.json` beside the data of the
 * benchmarks. Node's DuckDB fetches extensions from DuckDB's own server; Python's package index has this one as a package.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** They are released together, and one loads only the other of the same version. */
const packages = ['duckdb==1.5.5', 'duckdb-extension-tpcds==1.5.5'];

/** The machine cannot make the data. */
export class NotMade extends Error {}

/**
 * Cost: the first time 30 MB from the package index, in an environment of its own that is thrown away again.
 *
 * @param scale in GB, as text; 0.01 takes 7 MB of Parquet
 * @returns the folder
 * @throws NotMade
 */
export function tpcdsData(scale: string): string {
  const home = process.env.VARVE_BENCH_DATA ?? join(homedir(), '.cache/varve/bench-data');
  const data = join(home, `tpcds-${scale}`);
  if (existsSync(data)) return data;
  const folder = mkdtempSync(join(tmpdir(), 'varve-tpcds-'));
  try {
    const python = join(folder, 'venv/bin/python');
    called('python3', ['-m', 'venv', join(folder, 'venv')]);
    called(python, ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', ...packages]);
    // Beside its place, so that it gets there whole or not at all.
    mkdirSync(home, { recursive: true });
    const made = mkdtempSync(join(home, 'tpcds-made-'));
    try {
      called(python, [fileURLToPath(new URL('../../src/tpcds/generate.py', import.meta.url)), scale, made]);
      renameSync(made, data);
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
    return data;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function called(program: string, words: readonly string[]): void {
  try {
    execFileSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const last = stderr.trim().split('\n').at(-1) ?? '';
    throw new NotMade(`${program} ${words.slice(0, 3).join(' ')}: ${last === '' ? message : last}`);
  }
}
