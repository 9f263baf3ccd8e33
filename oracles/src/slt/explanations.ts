/** Where Varve deliberately answers otherwise than a file of others says, and why. */
import type { Finding } from './run-file.js';

interface Explanation {
  /** The end of a file's path. */
  readonly file: string;
  /** Lines of the queries. */
  readonly lines: readonly number[];
  readonly why: string;
}

const explanations: readonly Explanation[] = [
  {
    file: 'slt_lang_update.test',
    lines: [98, 104],
    why: 'a column assigned twice in one UPDATE is refused as PostgreSQL and DuckDB do; SQLite takes the last value',
  },
];

/** Why a finding is no bug; undefined when it is one. */
export function explanationOf({ file, line }: Pick<Finding, 'file' | 'line'>): string | undefined {
  return explanations.find((known) => file.endsWith(known.file) && known.lines.includes(line))?.why;
}
