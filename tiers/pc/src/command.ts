/** The command `varve` in this process: its streams, its clock, its Ctrl-C, and databases of this tier. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runVarve } from '@varve/cli';
import { open } from '@varve/pc';
import { createNodePlatform } from '@varve/runtime';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};
// Whoever reads what comes out, such as `head`, may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runVarve(process.argv.slice(2), {
  openSql: open,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: createNodePlatform().clock,
  version,
  historyFile: join(homedir(), '.varve_history'),
  onInterrupt(heard) {
    process.on('SIGINT', heard);
    return () => process.off('SIGINT', heard);
  },
});
