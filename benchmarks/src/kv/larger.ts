/**
 * Case `file 4x larger than memory`: block reads per hit and per miss, as the kernel counts them.
 *
 * With a control group the reading process may hold a quarter of the file, its own heap and Node's included, so less
 * than a quarter is left for pages. Without one the file is put out of memory before the reads, and each distinct
 * block costs a read however much memory there is: the stricter case.
 *
 * An engine that fetches a thousand times what it is asked for would need hours for what others do in a second: each of
 * its series of reads ends after 20 s, and its figures are those of the reads that were answered by then.
 */
import { runChild } from '../command.js';
import { canLimitFiles, runLimited } from '../memory-limit.js';
import type { Case, Context } from '../result.js';
import { row, WrongAnswer } from '../rounds.js';
import { allocatedBytes, dropCache } from './disk-bytes.js';
import type { EngineKind } from './engine.js';
import type { Series } from './larger.child.js';
import type { Sizes } from './sizes.js';
import { withClosed } from './stores.js';

interface Answer {
  readonly hits: Series;
  readonly misses: Series;
  /** Bytes fetched over the whole life of the child. */
  readonly readBytes: number;
}

const name = 'file 4x larger than memory';
const seriesMsMax = 20_000;

export async function fileLargerThanMemory(
  kinds: readonly EngineKind[],
  { larger: { records, limited } }: Sizes,
  context: Context,
): Promise<readonly Case[]> {
  const wanted = Math.min(20_000, Math.floor(records / 100));
  const limits = limited && canLimitFiles();
  if (!limits) context.note(`${name}: nothing limited, the file dropped from the page cache first`);
  const answers = new Map<string, Answer>();
  const fileBytes = new Map<string, number[]>();
  const options = { count: records, seed: context.seed };
  await withClosed(kinds, options, context, async (folderOf) => {
    for (const kind of kinds) {
      context.progress.step(`file larger than memory: ${kind.name}`);
      const folder = folderOf(kind);
      await dropCache(folder);
      const memoryBytes = Math.floor(allocatedBytes(folder) / 4);
      const args = [kind.name, folder, memoryBytes, records, context.seed, wanted, seriesMsMax].map(String);
      const answer = await (limits ? askLimited(memoryBytes, args, context) : runChild<Answer>(child, args));
      check(kind.name, answer);
      noteUnanswered(kind.name, answer, wanted, context);
      answers.set(kind.name, answer);
      fileBytes.set(kind.name, [allocatedBytes(folder)]);
    }
  });
  const of = (
    metric: string,
    unit: string,
    better: Case['better'],
    figure: (answer: Answer) => number,
  ): Case =>
    row(
      { case: name, metric, unit, better },
      new Map([...answers].map(([engine, answer]) => [engine, [figure(answer)]])),
    );
  return [
    of('block reads per hit', '4 KiB', 'lower', ({ hits }) => hits.blocksPerRead),
    of('block reads per miss', '4 KiB', 'lower', ({ misses }) => misses.blocksPerRead),
    of('hits per second', '1/s', 'higher', ({ hits }) => hits.readsPerSecond),
    of('misses per second', '1/s', 'higher', ({ misses }) => misses.readsPerSecond),
    row({ case: name, metric: 'size of the file', unit: 'B', better: 'lower', remark: true }, fileBytes),
  ];
}

function check(engine: string, answer: Answer): void {
  const { hits, misses, readBytes } = answer;
  if (hits.found !== hits.asked || misses.found !== 0 || !(readBytes > 0))
    throw new WrongAnswer(`${name}: ${engine} says ${JSON.stringify(answer)}`);
}

function noteUnanswered(engine: string, answers: Answer, wanted: number, { note }: Context): void {
  for (const series of ['hits', 'misses'] as const) {
    const { asked } = answers[series];
    if (asked === wanted) continue;
    const seconds = seriesMsMax / 1000;
    note(`${name}, ${engine}: ${asked} of ${wanted} ${series} in ${seconds} s; its figures are of those`);
  }
}

const child = new URL('larger.child.js', import.meta.url);

/** V8 would plan with the machine's memory, not with the group's. */
const smallHeap = ['--max-old-space-size=24', '--max-semi-space-size=1'];

async function askLimited(memoryBytes: number, args: readonly string[], { note }: Context): Promise<Answer> {
  const { answer, how } = await runLimited<Answer>(memoryBytes, child, args, smallHeap);
  note(`${name}, ${args[0]}: ${Math.round(memoryBytes / 2 ** 20)} MiB by ${how}`);
  return answer;
}
