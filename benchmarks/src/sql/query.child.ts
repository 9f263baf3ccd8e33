/**
 * Child of cases `groups` and `tpchMemory`: opens a loaded database, runs one query, and prints how long that took and
 * the most memory this process ever held. A query that fails is an answer too. With `compare` the answer's fingerprint
 * follows, from a second run that no figure includes.
 */
import { peakResidentBytes } from '../process-figures.js';
import type { Size } from '../result.js';
import type { Query } from './engine.js';
import { type Fingerprint, fingerprint } from './fingerprint.js';
import { kindNamed } from './kinds.js';
import { msOf } from './timing.js';

/** What this child is asked. */
export interface Request {
  readonly kind: string;
  readonly folder: string;
  readonly size: Size;
  readonly query: Query;
  readonly memoryBytes?: number;
  readonly compare: boolean;
}

/** What it prints. */
export type Reply =
  | { readonly ms: number; readonly peakBytes: number; readonly answer?: Fingerprint }
  | { readonly failure: string };

console.log(JSON.stringify(await reply(JSON.parse(process.argv[2] ?? '') as Request)));
// Threads of an engine would keep the process.
process.exit();

async function reply({ kind, folder, size, query, memoryBytes, compare }: Request): Promise<Reply> {
  const engine = await (await kindNamed(kind, size)).open(
    folder,
    memoryBytes === undefined ? {} : { memoryBytes },
  );
  try {
    const ms = await msOf(() => engine.run(query));
    const peakBytes = peakResidentBytes();
    return compare ? { ms, peakBytes, answer: await fingerprint(engine.answer(query)) } : { ms, peakBytes };
  } catch (error) {
    return { failure: String(error) };
  }
}
