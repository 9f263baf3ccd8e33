/** Where Varve deliberately answers otherwise than a file of others says, and why. */
import type { Finding } from './run-file.js';

type Explanation = {
  /** The end of a file's path. */
  readonly file: string;
  readonly why: string;
} & (
  | {
      /** Lines of the queries. */
      readonly lines: readonly number[];
    }
  | {
      /** What the queries have in common. */
      readonly sql: RegExp;
    }
);

const explanations: readonly Explanation[] = [
  {
    file: 'slt_lang_update.test',
    lines: [98, 104],
    why: 'a column assigned twice in one UPDATE is refused as PostgreSQL and DuckDB do; SQLite takes the last value',
  },
  {
    file: '.slt',
    sql: /^\s*explain\b/i,
    why: 'plans read the tables of Varve, and show its own scans',
  },
  {
    file: '.slt',
    sql: /arrow_typeof|arrow_schema/i,
    why: 'a column of text or bytes is a view, whatever it was made of: names of Arrow types differ',
  },
  {
    file: 'aggregate.slt',
    sql: /fixed_size_binary_views/i,
    why: 'a column of bytes is a view, and Arrow casts no view to bytes of a fixed length',
  },
  {
    file: '.slt',
    sql: /^\s*copy\b/i,
    why: "COPY writes a file, or a folder that is new or empty, and has not all options of DataFusion's writers",
  },
  {
    file: '.slt',
    sql: /\bpublic\.\w/i,
    why: 'tables without a schema are in main, as in DuckDB and SQLite, not in public',
  },
  {
    file: 'unnest.slt',
    lines: [550],
    why: 'columns of an answer may have the same name',
  },
  {
    file: 'timestamps.slt',
    lines: [4301],
    why: 'the view holds 23:00:01Z, as the union below it says; DataFusion compares the time without its zone',
  },
  {
    file: 'copy.slt',
    lines: [241],
    why: 'COPY adds no files to a folder that has some: a query would find a part of them',
  },
  {
    file: 'table_functions.slt',
    lines: [498],
    why: 'TIMESTAMP WITH TIME ZONE has a zone',
  },
  {
    file: 'window.slt',
    lines: [948, 954],
    why: 'TIMESTAMP WITH TIME ZONE has a zone',
  },
  {
    file: 'arith_interval_double.slt',
    lines: [9, 13, 17, 21, 25, 36],
    why: 'an interval times or by a number is an interval, as in PostgreSQL and DuckDB',
  },
  {
    file: 'select.slt',
    lines: [1721, 1724],
    why: 'AND and OR do not compute their right side where the left one decides, in a list of columns too',
  },
  {
    file: 'string_literal.slt',
    lines: [1220, 1228],
    why: 'any one character may be the ESCAPE of LIKE, as in PostgreSQL and DuckDB',
  },
  {
    file: 'strings.slt',
    lines: [75, 86],
    why: 'a point in SIMILAR TO is a point, as in the standard and PostgreSQL',
  },
  {
    file: 'unnest.slt',
    lines: [894, 898],
    why: 'unnest in FROM may name the table before it, as in PostgreSQL and DuckDB',
  },
  {
    file: 'wildcard.slt',
    lines: [152],
    why: 'columns of an answer may have the same name',
  },
  {
    file: '.slt',
    sql: /information_schema|^\s*(?:describe|show)\b/i,
    why: "the catalogue is Varve's: catalogue varve, schema main, types as they are stored",
  },
];

/** Why a finding is no bug; undefined when it is one. */
export function explanationOf({ file, line, sql, standsOn }: Finding): string | undefined {
  const found = explanations.find(
    (known) =>
      file.endsWith(known.file) && ('lines' in known ? known.lines.includes(line) : known.sql.test(sql)),
  );
  return found?.why ?? standsOn;
}
