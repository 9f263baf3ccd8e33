/**
 * Child of case `cold open`: opens a store and answers one get. Prints the milliseconds from the call of `open` to the
 * answer; Node's start and the loading of modules are not counted.
 */
import { bytesFromStorage } from '../process-figures.js';
import { engineKind } from './engines.js';

const [name = '', folder = '', key = ''] = process.argv.slice(2);
const kind = engineKind(name);
kind.warm?.();
const before = bytesFromStorage();
const start = performance.now();
const engine = await kind.open(folder);
const answer = engine.get(Buffer.from(key, 'hex'));
const elapsedMs = performance.now() - start;
const readBytes = bytesFromStorage() - before;
await engine.close();
console.log(JSON.stringify({ elapsedMs, answer, readBytes }));
