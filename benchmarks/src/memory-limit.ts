/**
 * Runs a program under a memory limit, and says exactly what was limited.
 *
 * A control group of its own, inside the one this process is in, limits everything that the program touches first:
 * its heap, its stacks, and the page cache of the files it reads. Where no group can be made (an ordinary user, most
 * containers), `ulimit -d` limits the private writable memory alone, and files are not limited.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastJson, run } from './command.js';

export interface Limited<T> {
  readonly answer: T;
  /** What was limited, in words. */
  readonly how: string;
  /** The most the group held, bytes; undefined without a group. */
  readonly peakBytes?: number;
}

interface Group {
  readonly folder: string;
  readonly limitFile: string;
  readonly peakFile: string;
  readonly how: string;
}

/** Whether page cache can be limited here. */
export function canLimitFiles(): boolean {
  const group = createGroup();
  if (group === undefined) return false;
  rmdirSync(group.folder);
  return true;
}

/**
 * Runs a compiled module of this package and reads the JSON on its last line.
 *
 * @param bytes the limit
 */
export async function runLimited<T>(
  bytes: number,
  module: URL,
  args: readonly string[],
  nodeArgs: readonly string[] = [],
): Promise<Limited<T>> {
  const program = [process.execPath, ...nodeArgs, module.pathname, ...args];
  const group = createGroup();
  if (group === undefined) {
    const kibibytes = String(Math.floor(bytes / 1024));
    const output = await run('sh', ['-c', 'ulimit -d "$0" && exec "$@"', kibibytes, ...program]);
    return {
      answer: lastJson<T>(output),
      how: `ulimit -d ${kibibytes}: private writable memory (heap, stacks, anonymous maps); mapped files not limited`,
    };
  }
  try {
    writeFileSync(join(group.folder, group.limitFile), String(bytes));
    const enter = join(group.folder, 'cgroup.procs');
    const output = await run('sh', ['-c', 'echo $$ > "$0" && exec "$@"', enter, ...program]);
    const peakBytes = Number(readFileSync(join(group.folder, group.peakFile), 'utf8'));
    return { answer: lastJson<T>(output), how: group.how, peakBytes };
  } finally {
    rmdirSync(group.folder);
  }
}

/** A fresh group with a memory controller; undefined where none can be made. */
function createGroup(): Group | undefined {
  for (const { parent, limitFile, peakFile, how } of candidates()) {
    const folder = join(parent, `varve-bench-${process.pid}`);
    try {
      mkdirSync(folder);
    } catch {
      continue;
    }
    if (existsSync(join(folder, limitFile))) return { folder, limitFile, peakFile, how };
    rmdirSync(folder);
  }
  return undefined;
}

function candidates(): readonly (Omit<Group, 'folder'> & { readonly parent: string })[] {
  const what = 'heap, stacks and the page cache of files it reads first';
  try {
    return readFileSync('/proc/self/cgroup', 'utf8')
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
        if (controllers.split(',').includes('memory'))
          return [
            {
              parent: join('/sys/fs/cgroup/memory', path),
              limitFile: 'memory.limit_in_bytes',
              peakFile: 'memory.max_usage_in_bytes',
              how: `a control group (version 1, memory.limit_in_bytes): ${what}`,
            },
          ];
        if (controllers === '')
          return [
            {
              parent: join('/sys/fs/cgroup', path),
              limitFile: 'memory.max',
              peakFile: 'memory.peak',
              how: `a control group (version 2, memory.max): ${what}`,
            },
          ];
        return [];
      });
  } catch {
    return [];
  }
}
