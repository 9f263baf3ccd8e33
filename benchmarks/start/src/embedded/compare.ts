/** The same questions to Varve and to LevelDB: answers compared first, then timed in interleaved rounds. */
import { median } from './latency.js';
import type { Questions } from './questions.js';
import type { See, Subject } from './subjects.js';
import type { ReadFigure } from './summary.js';

/** Keys asked in one `batch` call, and entries of one range. */
export const batchKeys = 100;
export const rangeEntries = 1000;

/** What is asked. */
export interface Asked {
  readonly existing: Questions;
  readonly missing: Questions;
  /** Keys looked up per round and kind of read; a multiple of 1,000. */
  readonly keysPerRound: number;
}

interface Kind {
  readonly what: string;
  readonly calls: readonly [string, string];
  /** Entries read per key. */
  readonly entriesPerKey: number;
  /** Asks the questions of round `round`; the answers go to `see`. */
  readonly ask: (subject: Subject, asked: Asked, round: number, see: See) => Promise<void>;
}

const rounds = 5;
/** Ranges are long: this many keys for one range. */
const keysPerRange = 1000;

/** Questions of each sort that a comparison needs. @param keysPerRound a multiple of 1,000 */
export function questionCountOf(keysPerRound: number): number {
  return rounds * keysPerRound;
}

const kinds: readonly Kind[] = [
  {
    what: 'point read',
    calls: ['getInto', 'getSync'],
    entriesPerKey: 1,
    ask: async (subject, asked, round, see) => askPoints(subject, asked.existing, asked, round, see),
  },
  {
    what: 'point read, no such key',
    calls: ['getInto', 'getSync'],
    entriesPerKey: 1,
    ask: async (subject, asked, round, see) => askPoints(subject, asked.missing, asked, round, see),
  },
  {
    what: `batch of ${batchKeys}, per key`,
    calls: ['getManyPacked', 'getMany'],
    entriesPerKey: 1,
    async ask(subject, { existing, keysPerRound }, round, see) {
      const end = (round + 1) * keysPerRound;
      for (let at = round * keysPerRound; at < end; at += batchKeys) {
        // Awaiting what is there already would count as the batch's own time.
        const pending = subject.batch(existing, at, at + batchKeys, see);
        if (pending !== undefined) await pending;
      }
    },
  },
  {
    what: `range of ${rangeEntries.toLocaleString('en-US')}, per entry`,
    calls: ['scanPacked', 'iterator.nextv'],
    entriesPerKey: rangeEntries / keysPerRange,
    async ask(subject, { existing, keysPerRound }, round, see) {
      const end = (round + 1) * keysPerRound;
      for (let at = round * keysPerRound; at < end; at += keysPerRange)
        see(await subject.range(existing, at, rangeEntries));
    },
  },
];

function askPoints(
  subject: Subject,
  questions: Questions,
  { keysPerRound }: Asked,
  round: number,
  see: See,
): void {
  const end = (round + 1) * keysPerRound;
  for (let at = round * keysPerRound; at < end; at++) see(subject.point(questions, at));
}

/**
 * Compares, then times.
 *
 * @throws Error when an answer differs
 */
export async function compare(
  varve: Subject,
  level: Subject,
  asked: Asked,
  onProgress: (done: number, total: number) => void,
): Promise<{ readonly figures: ReadFigure[]; readonly comparedAnswers: number }> {
  const steps = kinds.length * (rounds + 1);
  let [done, comparedAnswers] = [0, 0];
  const figures: ReadFigure[] = [];
  for (const kind of kinds) {
    comparedAnswers += await compareAnswers(kind, varve, level, asked);
    onProgress(++done, steps);
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      for (const [at, subject] of [varve, level].entries()) {
        const start = performance.now();
        await kind.ask(subject, asked, round, () => {});
        times[at]?.push(((performance.now() - start) * 1e6) / (asked.keysPerRound * kind.entriesPerKey));
      }
      onProgress(++done, steps);
    }
    const [varveNs, levelNs] = [median(times[0]), median(times[1])];
    figures.push({ what: kind.what, calls: kind.calls, varveNs, levelNs });
  }
  return { figures, comparedAnswers };
}

async function compareAnswers(kind: Kind, varve: Subject, level: Subject, asked: Asked): Promise<number> {
  const answers: (number | undefined)[] = [];
  await kind.ask(varve, asked, 0, (answer) => answers.push(answer));
  let at = 0;
  await kind.ask(level, asked, 0, (answer) => {
    if (answer !== answers[at])
      throw new Error(`${kind.what}: Varve says ${answers[at]}, LevelDB ${answer}, at question ${at}`);
    at++;
  });
  if (at !== answers.length) throw new Error(`${kind.what}: ${answers.length} answers beside ${at}`);
  return at;
}
