/**
 * Child of cases `memory` and `first answer`: loads a model in a fresh process, scores one row, and prints the memory
 * held and the time from the call that loads to the first answer; Node's start and modules are not counted. The model is
 * read as it is: unpacking it would leave memory that one engine uses again and another gives back.
 */
import { readFileSync } from 'node:fs';
import { anonymousBytes, ownBytes } from '../process-figures.js';
import { loadOnnx } from '../rivals/load.js';
import { createRows } from './models.js';
import { openOnnxRuntime } from './onnxruntime.js';
import type { Scorer } from './scorer.js';

const [what = '', file = '', seed = ''] = process.argv.slice(2);
const model = new Uint8Array(readFileSync(file));
const row = createRows(1, Number(seed));
let open: (() => Promise<Scorer>) | undefined;
if (what === 'varve') {
  const { openVarve } = await import('./varve.js');
  open = () => openVarve(what, model);
} else if (what !== 'bare') {
  loadOnnx();
  open = () => openOnnxRuntime(what, model, 1);
}
const start = performance.now();
const scorer = await open?.();
const loadedMs = performance.now() - start;
const answer = await scorer?.oneByOne(row);
const answeredMs = performance.now() - start;
globalThis.gc?.();
await new Promise((resolve) => setTimeout(resolve, 300));
globalThis.gc?.();
const held = { ownBytes: ownBytes(), anonymousBytes: anonymousBytes() };
console.log(JSON.stringify({ ...held, loadedMs, answeredMs, answer }));
await scorer?.close();
