/** Child of case `idle`: opens an empty store, or nothing, comes to rest, and prints what it holds. */
import { ownBytes, residentBytes } from '../process-figures.js';

const [what = '', folder = ''] = process.argv.slice(2);
let close: () => unknown = () => undefined;
if (what === 'varve') {
  const { open } = await import('@varve/embedded');
  const database = await open(folder);
  close = () => database.close();
} else if (what !== 'bare') {
  // The rivals' modules are loaded only when asked for.
  const { engineKind } = await import('../kv/engines.js');
  const engine = await engineKind(what).open(folder);
  close = () => engine.close();
}
globalThis.gc?.();
await new Promise((resolve) => setTimeout(resolve, 300));
globalThis.gc?.();
console.log(JSON.stringify({ resident: residentBytes(), own: ownBytes() }));
await close();
