/** What the figures say, in sentences that the terminal and the report share. */
import { count, digits, size, time } from '../terminal/text.js';
import type { CandidateFigure, ModelFigure, SegmentFigure, Summary } from './summary.js';

/** How each kind of index finds a block. */
const kindWords: Readonly<Record<string, string>> = {
  affine: 'a straight line, exact',
  'line-probe': 'lines that predict, then a few compares',
  's-plus-tree': 'a tree of eight keys per cache line',
  'sparse-fences': 'a small array of every n-th key',
  'binary-search': 'halving over all separators',
};

export function wordsOf(kind: string): string {
  return kindWords[kind] ?? kind;
}

/** The kinds that expect a place for a key, and look around it; the others search. */
const predicting: readonly string[] = ['affine', 'line-probe'];

/** How many segments answer by a prediction: where few blocks are told apart, a plain search measures better. */
export function howManyPredict(segments: readonly SegmentFigure[]): string {
  const predict = segments.filter(({ indexKind }) => predicting.includes(indexKind)).length;
  const rest =
    predict === segments.length
      ? ''
      : '; the others search among their separators, as measured best when they were built';
  return `${predict} of ${segments.length} segments answer by a prediction${rest}`;
}

/** The segment that holds most departures. */
export function largestSegment({ segments }: Summary): SegmentFigure | undefined {
  return segments.toSorted((a, b) => b.entryCount - a.entryCount)[0];
}

/** Why a segment has the index that it has, from the measured candidates. */
export function whyChosen({ indexKind, candidates, blockCount }: SegmentFigure): string {
  const live = candidates.find(({ isLive }) => isLive);
  const others = candidates.filter(
    ({ isLive, kind }) => !isLive && kind !== indexKind && kind !== 'binary-search',
  );
  const best = others.toSorted((a, b) => a.nsPerLookup - b.nsPerLookup)[0];
  if (live === undefined || best === undefined) return `${indexKind}: the only candidate`;
  const head = `${indexKind} over ${count(blockCount)} blocks: ${time(live.nsPerLookup)} and ${size(live.indexBytes)}`;
  const rival = `${best.kind} takes ${time(best.nsPerLookup)} and ${size(best.indexBytes)}`;
  if (live.nsPerLookup <= best.nsPerLookup)
    return `${head}; the best other, ${rival}${plainSearch(candidates, live)}`;
  const percent = Math.round((live.nsPerLookup / best.nsPerLookup - 1) * 100);
  return `${head}; timed again just now, ${rival}, so the choice at build is ${percent} % slower on these questions`;
}

/** Says so when the simplest search of all would have been quicker: over few blocks it can be. */
function plainSearch(candidates: readonly CandidateFigure[], live: CandidateFigure): string {
  const plain = candidates.find(({ kind }) => kind === 'binary-search');
  return plain === undefined || plain.nsPerLookup >= live.nsPerLookup
    ? ''
    : `. A plain binary search over so few separators is quicker still: ${time(plain.nsPerLookup)}`;
}

/** How the store compares in one kind of read. */
export function ratio(varveNs: number, levelNs: number): string {
  return varveNs <= levelNs ? `${digits(levelNs / varveNs)}x faster` : `${digits(varveNs / levelNs)}x slower`;
}

/** What the delay model is worth. */
export function modelVerdict({ rmse, late, isUnseen, scoredRows }: ModelFigure): string {
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const days = isUnseen ? 'June, which training never saw' : 'days that training saw';
  return (
    `${count(scoredRows)} departures of ${days}: off by ${digits(rmse.model)} minutes (root mean square); ` +
    `the mean of the hour is off by ${digits(rmse.meanOfHour)}, the plain mean by ${digits(rmse.mean)}. ` +
    `Of the tenth it finds riskiest, ${percent(late.riskiest)} came 15 minutes late or later; of all, ${percent(late.all)}.`
  );
}
