// Rules of the repository that no off-the-shelf tool knows. Each is a small function over the committed files.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/paths.mjs';
import { packageProblems } from './packages.mjs';
import { longFiles, textProblems } from './text.mjs';

/** @typedef {{path: string, text: string}} File */

const binary = /\.(png|jpg|onnx|arrow|parquet|bin|tiny|model|ico|woff2?|gz)$/;

/** All problems, one line each; long files are listed as a remark only. @returns {string[]} */
export function runTidy() {
  const files = committedFiles();
  const long = longFiles(files);
  if (long.length > 0) console.error(`  long files (a remark, not a failure): ${long.join(', ')}`);
  return [...files.flatMap(textProblems), ...packageProblems(files)];
}

/** Files that git tracks or would track, with their text. @returns {File[]} */
function committedFiles() {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return list
    .split('\0')
    .filter((path) => path !== '' && !binary.test(path) && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}
