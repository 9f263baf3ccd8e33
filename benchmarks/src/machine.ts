/** What a result was measured on. */
import { execFileSync } from 'node:child_process';
import { arch, cpus, platform, totalmem } from 'node:os';

/** One line: processor, cores, memory, Node. */
export function describeMachine(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${first?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${memory}, ${platform()} ${arch()}, Node ${process.version}`;
}

export interface Commit {
  /** Abbreviated hash; `+` at the end when files differ from it; `unknown` outside of a repository. */
  readonly commit: string;
  readonly changedFiles: readonly string[];
}

/** What a run writes itself: the results of one suite do not make the next one's a different program. */
const written = ['benchmarks/results', 'README.md'].map((path) => `:(top,exclude)${path}`);

/** The commit under test, and the tracked files that differ from it. @param folder in the repository */
export function describeCommit(folder: string = process.cwd()): Commit {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const changes = git('status', '--porcelain', '--untracked-files=no', '--', ':(top)', ...written);
    const changedFiles = changes
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.slice(3));
    const hash = git('rev-parse', '--short=12', 'HEAD').trim();
    return { commit: `${hash}${changedFiles.length > 0 ? '+' : ''}`, changedFiles };
  } catch {
    return { commit: 'unknown', changedFiles: [] };
  }
}
