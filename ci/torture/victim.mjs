// The process that is killed: writes batch after batch and notes each acknowledgement in a file before it goes on.
//
//   node ci/torture/victim.mjs STORE ACKNOWLEDGED FIRST SEED LOG
import { openSync, writeSync } from 'node:fs';
import { VarveStore } from '@varve/kv';
import { batchOf, randomOf } from './workload.mjs';

const [location = '', acknowledged = '', first = '', seed = '', log = ''] = process.argv.slice(2);
const notes = openSync(acknowledged, 'a');
const random = randomOf(Number(seed) ^ Number(first));
const lanes = 1 + Math.floor(random() * 8);

const db = new VarveStore(location, {
  memtableBytes: 64 << 10,
  logFileBytes: 1 << 20,
  durability: random() < 0.5 ? 'synced' : 'fast',
  log: log === 'level' ? 'level' : 'native',
});
await db.open();
process.stdout.write('open\n');

let next = Number(first);
await Promise.all(Array.from({ length: lanes }, write));

/** One writer: its next batch is sent only after the acknowledgement of its last one is noted. */
async function write() {
  for (;;) {
    const n = next++;
    await db.batch(batchOf(Number(seed), n));
    writeSync(notes, `${n}\n`);
    if (random() < 0.002) await db.flush();
    if (random() < 0.0005) await db.compact();
  }
}
