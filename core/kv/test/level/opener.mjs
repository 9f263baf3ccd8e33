// Opens a store and says what came of it: `opened`, or the code of the error.
//
// As a process: `node opener.mjs LOCATION`, and the answer is all of its output. As a worker: the location is its data and
// the answer its message; with the arguments `stay` and a log it creates the store, puts a key and keeps it open.

import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { VarveStore } from '@varve/kv';

const [, , first = '', log] = process.argv;
const isToStay = !isMainThread && first === 'stay';
const location = /** @type {string} */ (isMainThread ? first : workerData);
const store = new VarveStore(location, isToStay ? { log: log === 'level' ? 'level' : 'native' } : {});

const answer = await open();
if (isMainThread) process.stdout.write(answer);
else parentPort?.postMessage(answer);
if (isToStay) setInterval(() => undefined, 1_000_000);
else await store.close();

async function open() {
  try {
    await store.open();
    if (isToStay) await store.put('key', 'value');
    return 'opened';
  } catch (error) {
    const { cause } = /** @type {{ cause?: { code?: string } }} */ (error);
    return cause?.code ?? String(error);
  }
}
