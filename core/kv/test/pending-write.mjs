// Writes once and says so: run as a process of its own.
import { VarveStore } from '@varve/kv';

const db = new VarveStore(process.argv[2]);
await db.open();
await db.put('key', 'value');
console.log('acknowledged');
