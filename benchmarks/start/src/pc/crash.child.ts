/**
 * Child of the crash: commits again and again, says so after each, and kills itself when its time is up, which is in the
 * middle of a commit. Every commit changes many rows of one table and one row of another.
 */
import { writeSync } from 'node:fs';
import { open } from '@varve/pc';
import { commitOnce } from './crash.js';

const [folder = '', milliseconds = ''] = process.argv.slice(2);
const db = await open(folder, { createIfMissing: false });
setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(milliseconds));
for (let number = 1; ; number++) {
  await commitOnce(db, number);
  // At once: a buffer would die with the process.
  writeSync(1, `${number}\n`);
}
