/** Runs one file on several subjects in step, each on a database of its own. */
import type { Subject } from '../subjects/subject.js';
import { createDependence } from './dependence.js';
import type { Dialect } from './dialect.js';
import { judge, type Verdict } from './judge.js';
import { readRecords, type SltRecord } from './records.js';

/** What became of a record that some subject did not get right. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly sql: string;
  readonly expected: readonly string[];
  /** By the names of the subjects. */
  readonly verdicts: Readonly<Record<string, Verdict>>;
  /** What it stands on that Varve refused before, and the reference took. */
  readonly standsOn?: string;
}

/** Counts of one subject's verdicts. */
export interface Tally {
  right: number;
  wrong: number;
  refused: number;
}

/** What came of a file. */
export interface FileReport {
  readonly file: string;
  /** By the names of the subjects; statements that prepare data are not among them. */
  readonly queries: Readonly<Record<string, Tally>>;
  readonly statements: Readonly<Record<string, Tally>>;
  /** Queries that some subject did not answer rightly. */
  readonly findings: readonly Finding[];
  /** Statements that some subject did not take, or took when it should not. */
  readonly statementFindings: readonly Finding[];
}

/** How a file is run. */
export interface FileRun {
  readonly name: string;
  readonly text: string;
  readonly subjects: readonly Subject[];
  /** The name of the subject that the others are measured by. */
  readonly reference: string;
  readonly dialect: Dialect;
  /** Every so-manieth query is asked, all statements are run. */
  readonly every: number;
}

/** Cost: all answers of one record at a time in memory; findings grow with what goes wrong. */
export async function runFile({
  name,
  text,
  subjects,
  reference,
  dialect,
  every,
}: FileRun): Promise<FileReport> {
  const queries = talliesOf(subjects);
  const statements = talliesOf(subjects);
  const findings: Finding[] = [];
  const statementFindings: Finding[] = [];
  const dependence = createDependence(reference);
  let asked = 0;
  for (const record of readRecords(text, dialect.labels)) {
    if (record.kind === 'query' && asked++ % every !== 0) continue;
    const verdicts = await verdictsOf(record, subjects, dialect);
    const isQuery = record.kind === 'query';
    for (const [subject, { is }] of Object.entries(verdicts)) {
      const tally = (isQuery ? queries : statements)[subject];
      if (tally !== undefined) tally[is] += 1;
    }
    const standsOn = dependence.of(record.sql);
    dependence.note(record.sql, verdicts);
    if (Object.values(verdicts).every(({ is }) => is === 'right')) continue;
    const expected = isQuery ? record.expected : [];
    const finding = {
      file: name,
      line: record.line,
      sql: record.sql,
      expected,
      verdicts,
      ...(standsOn === undefined ? {} : { standsOn }),
    };
    (isQuery ? findings : statementFindings).push(finding);
  }
  return { file: name, queries, statements, findings, statementFindings };
}

async function verdictsOf(
  record: SltRecord,
  subjects: readonly Subject[],
  dialect: Dialect,
): Promise<Readonly<Record<string, Verdict>>> {
  const entries = subjects.map(
    async (subject) => [subject.name, judge(record, await subject.execute(record.sql), dialect)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

function talliesOf(subjects: readonly Subject[]): Record<string, Tally> {
  return Object.fromEntries(subjects.map(({ name }) => [name, { right: 0, wrong: 0, refused: 0 }]));
}
