// abstract-level's exported suite against the store, as TAP: `npm run test:abstract-level [-- level]`.
// Nothing is skipped but what the manifest says is not supported.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VarveStore } from '@varve/kv';
import suite from 'abstract-level/test/index.js';
import test from 'tape';

/** The log is no option of `open` here, because the suite compares what hooks receive. */
class LoggedStore extends VarveStore {
  _open(options) {
    return super._open({ ...options, log: process.argv.includes('level') ? 'level' : 'native' });
  }
}

const folder = mkdtempSync(join(tmpdir(), 'varve-abstract-level-'));
let created = 0;

suite({
  test,
  factory: (options) => new LoggedStore(join(folder, String(++created)), options),
});
test.onFinish(() => rmSync(folder, { recursive: true, force: true }));
