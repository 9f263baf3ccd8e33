/** Loads records into a store and closes it, in a process of its own: no mapping of the files stays behind. */
import { engineKind } from './engines.js';
import { loadInOrder } from './load.js';
import { createRecords } from './records.js';

const [name = '', folder = '', count = '', seed = '', compressible = ''] = process.argv.slice(2);
const engine = await engineKind(name).open(folder);
await loadInOrder(
  engine,
  createRecords({ count: Number(count), seed: Number(seed), compressible: compressible === 'compressible' }),
);
await engine.compact();
await engine.close();
console.log('{}');
