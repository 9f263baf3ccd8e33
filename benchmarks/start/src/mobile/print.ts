/** What a run found out, for the terminal. */
import { count, digits, size, table } from '../terminal/text.js';
import type { MobileSummary } from './run.js';

/** The summary in words. */
export function printMobile(summary: MobileSummary): string {
  const { rows, machine, appendSeconds, bytes, answers, change, memory, seconds } = summary;
  const lines = answers.map(({ title, answer, ms }) => [`${title}: ${answer}`, `${digits(ms)} ms`]);
  return [
    `${count(rows)} departures of 2001 on ${machine}\n` +
      `  appended at ${count(rows / appendSeconds)} rows/s, every commit on disk; ` +
      `Varve ${size(bytes.varve)}, the Parquet file ${size(bytes.parquet)}`,
    `Questions, built without SQL\n${table([['', 'Varve'], ...lines])}`,
    `${count(change.rows)} rows replaced by key in ${digits(change.ms)} ms`,
    `Memory of the whole process: ${size(memory.askingBytes)} while it asked; at most ${size(memory.loadingBytes)} while it read Parquet`,
    `Done in ${digits(seconds)} s.`,
  ].join('\n\n');
}
