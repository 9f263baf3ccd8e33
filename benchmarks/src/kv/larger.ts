/**
 * Case `file 4x larger than memory`: block reads per hit and per miss, as the kernel counts them.
 *
 * With a control group the reading process may hold a quarter of the file, its own heap and Node's included, so less
 * than a quarter is left for pages. Without one the file is put out of memory before the reads, and each distinct
 * block costs a read however much memory there is: the stricter case.
 */
import { runChild } from '../command.js';
import { canLimitFiles, runLimited } from '../memory-limit.js';
import type { Case, Context } from '../result.js';
import { row, WrongAnswer } from '../rounds.js';
import { allocatedBytes, dropCache } from './disk-bytes.js';
import type { EngineKind } from './engine.js';
import type { Sizes } from './sizes.js';
import { withClosed } from './stores.js';

interface Answer {
  readonly hits: { readonly blocks: number; readonly found: number };
  readonly misses: { readonly blocks: number; readonly found: number };
  /** Bytes fetched over the whole life of the child. */
  readonly readBytes: number;
}

export async function fileLargerThanMemory(
  kinds: readonly EngineKind[],
  { larger: { records, limited } }: Sizes,
  context: Context,
): Promise<readonly Case[]> {
  const asked = Math.min(20_000, Math.floor(records / 100));
  const limits = limited && canLimitFiles();
  if (!limits) {
    context.note('file 4x larger than memory: nothing limited, the file dropped from the page cache first');
  }
  const hits = new Map<string, number[]>();
  const misses = new Map<string, number[]>();
  const fileBytes = new Map<string, number[]>();
  const options = { count: records, seed: context.seed };
  await withClosed(kinds, options, context, async (folderOf) => {
    for (const kind of kinds) {
      context.progress.step(`file larger than memory: ${kind.name}`);
      const folder = folderOf(kind);
      await dropCache(folder);
      const args = [kind.name, folder, records, context.seed, 2 * asked, asked].map(String);
      const answer = await (limits ? askLimited(folder, args, context) : runChild<Answer>(child, args));
      if (answer.hits.found !== asked || answer.misses.found !== 0 || !(answer.readBytes > 0))
        throw new WrongAnswer(`file larger than memory: ${kind.name} says ${JSON.stringify(answer)}`);
      hits.set(kind.name, [answer.hits.blocks]);
      misses.set(kind.name, [answer.misses.blocks]);
      fileBytes.set(kind.name, [allocatedBytes(folder)]);
    }
  });
  const name = 'file 4x larger than memory';
  return [
    row({ case: name, metric: 'block reads per hit', unit: '4 KiB', better: 'lower' }, hits),
    row({ case: name, metric: 'block reads per miss', unit: '4 KiB', better: 'lower' }, misses),
    row({ case: name, metric: 'size of the file', unit: 'B', better: 'lower', remark: true }, fileBytes),
  ];
}

const child = new URL('larger.child.js', import.meta.url);

/** V8 would plan with the machine's memory, not with the group's. */
const smallHeap = ['--max-old-space-size=24', '--max-semi-space-size=1'];

async function askLimited(folder: string, args: readonly string[], { note }: Context): Promise<Answer> {
  const memoryBytes = Math.floor(allocatedBytes(folder) / 4);
  const { answer, how } = await runLimited<Answer>(memoryBytes, child, args, smallHeap);
  note(`file 4x larger than memory, ${args[0]}: ${Math.round(memoryBytes / 2 ** 20)} MiB by ${how}`);
  return answer;
}
