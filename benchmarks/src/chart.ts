/** The picture of a result: bars of Varve and its rivals for the calls that matter, as a self-contained SVG. */
import type { Case, Run } from './result.js';
import { isOwn, short } from './table.js';

/** Rows of suite `kv` that are drawn, all in operations per second. */
const drawn: readonly (readonly [name: string, title: string])[] = [
  ['point read', 'point reads'],
  ['batch of 1,000 reads', 'batched reads'],
  ['full scan', 'records scanned'],
  ['unsynced batches of 1,000', 'records written, unsynced'],
  ['synced puts, 100 in flight', 'records written, synced'],
];

const width = 860;
const barHeight = 15;
const left = 300;
const right = 190;
const gap = 18;
const top = 56;

/** @param run of suite `kv`; each group of bars has its own scale, the longest bar is the fastest engine */
export function drawChart(run: Run): string {
  const groups = drawn
    .map(
      ([name, title]) => [title, run.cases.find((row) => row.case === name && row.unit === '1/s')] as const,
    )
    .filter((group): group is readonly [string, Case] => group[1] !== undefined);
  const parts: string[] = [];
  let y = top;
  for (const [title, row] of groups) {
    const bars = Object.entries(row.values);
    const longest = Math.max(...bars.map(([, { median }]) => median));
    parts.push(text({ x: 16, y: y + 12, kind: 'title', words: title }));
    for (const [name, { median }] of bars) {
      const length = Math.max(1, ((width - left - right) * median) / longest);
      parts.push(
        text({ x: left - 10, y: y + 12, kind: 'name', words: name }),
        `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight - 3}" class="${isOwn(name) ? 'own' : 'rival'}"/>`,
        text({ x: left + length + 8, y: y + 11, kind: 'figure', words: `${short(median)}/s` }),
      );
      y += barHeight;
    }
    y += gap;
  }
  const height = y + 12;
  const subtitle = `1 M records of 116 bytes, 10 M scanned; one thread, Node; ${run.machine}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Operations per second of Varve and its rivals">`,
    `<style>${style}</style>`,
    `<rect width="${width}" height="${height}" class="page"/>`,
    text({ x: 16, y: 24, kind: 'head', words: 'Operations per second, higher is better' }),
    text({ x: 16, y: 42, kind: 'small', words: subtitle }),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

const style = `
text { font-family: system-ui, sans-serif; font-size: 12px; fill: #24292f }
.page { fill: #ffffff } .head { font-size: 15px; font-weight: 600 } .small { font-size: 11px; fill: #57606a }
.title { font-weight: 600 } .name { text-anchor: end } .figure { fill: #57606a }
.own { fill: #0969da } .rival { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .page { fill: #0d1117 } .small, .figure { fill: #8d96a0 }
  .own { fill: #4493f8 } .rival { fill: #484f58 }
}
`;

interface Words {
  readonly x: number;
  readonly y: number;
  readonly kind: string;
  readonly words: string;
}

function text({ x, y, kind, words }: Words): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" class="${kind}">${escaped}</text>`;
}
