/** What came of all files: counts, where Varve fails what the reference gets right, and why the rest is not right. */
import { explanationOf } from './explanations.js';
import type { Verdict } from './judge.js';
import type { FileReport, Finding, Tally } from './run-file.js';

/** Of several findings with one reason. */
export interface Group {
  readonly reason: string;
  readonly count: number;
  readonly example: Finding;
}

/** Of all files together. */
export interface SltReport {
  readonly files: number;
  readonly queries: Readonly<Record<string, Tally>>;
  readonly statements: Readonly<Record<string, Tally>>;
  /** Queries that the reference answers rightly and Varve does not: each is a bug. */
  readonly failures: readonly Finding[];
  /** Queries that Varve answers otherwise for a reason that is written down. */
  readonly deliberate: readonly Group[];
  /** What neither Varve nor the reference answers as the files say. */
  readonly common: readonly Group[];
  /** The same of statements, whatever the reference did. */
  readonly statementGroups: readonly Group[];
}

/** @param reference the name of the subject that Varve is measured by */
export function reportOf(files: readonly FileReport[], reference: string): SltReport {
  const findings = files.flatMap((file) => file.findings);
  const differs = ({ verdicts }: Finding): boolean =>
    verdicts[reference]?.is === 'right' && notRight(verdicts, reference).length > 0;
  const differing = findings.filter(differs);
  return {
    files: files.length,
    queries: added(files.map((file) => file.queries)),
    statements: added(files.map((file) => file.statements)),
    failures: differing.filter((finding) => explanationOf(finding) === undefined),
    deliberate: grouped(differing, explanationOf),
    common: grouped(
      findings.filter((finding) => !differs(finding)),
      (finding) => reasonOf(finding, reference),
    ),
    statementGroups: grouped(
      files.flatMap((file) => file.statementFindings),
      (finding) => reasonOf(finding, reference),
    ),
  };
}

function added(parts: readonly Readonly<Record<string, Tally>>[]): Record<string, Tally> {
  const sum: Record<string, Tally> = {};
  for (const [name, { right, wrong, refused }] of parts.flatMap((part) => Object.entries(part))) {
    const tally = (sum[name] ??= { right: 0, wrong: 0, refused: 0 });
    tally.right += right;
    tally.wrong += wrong;
    tally.refused += refused;
  }
  return sum;
}

type Miss = Exclude<Verdict, { is: 'right' }>;

/** The verdicts of Varve that are not right. */
function notRight(verdicts: Finding['verdicts'], reference: string): readonly Miss[] {
  return Object.entries(verdicts).flatMap(([name, verdict]) =>
    name === reference || verdict.is === 'right' ? [] : [verdict],
  );
}

/** @param reason of a finding; undefined leaves it out */
function grouped(findings: readonly Finding[], reason: (finding: Finding) => string | undefined): Group[] {
  const groups = new Map<string, { count: number; example: Finding }>();
  for (const example of findings) {
    const why = reason(example);
    if (why === undefined) continue;
    const group = groups.get(why);
    if (group === undefined) groups.set(why, { count: 1, example });
    else group.count += 1;
  }
  const all = [...groups].map(([reason, group]) => ({ reason, ...group }));
  return all.sort((a, b) => b.count - a.count);
}

function reasonOf({ verdicts }: Finding, reference: string): string | undefined {
  const [first] = notRight(verdicts, reference);
  if (first === undefined) return undefined;
  const stock = verdicts[reference];
  const beside = stock === undefined ? '' : `, the reference ${sameOutcome(first, stock)}`;
  return `${first.is}: ${first.why}${beside}`;
}

function sameOutcome(ours: Miss, theirs: Verdict): string {
  if (theirs.is === 'right') return 'is right';
  if (ours.is === 'wrong' && theirs.is === 'wrong')
    return ours.got.join('\n') === theirs.got.join('\n') ? 'answers the same' : 'answers otherwise';
  return theirs.is === 'refused' ? 'refuses too' : 'answers wrongly';
}

/** The report for people. */
export function reportText(report: SltReport, reference: string): string {
  const lines = [`${report.files} files`];
  for (const [what, tallies] of [
    ['queries', report.queries],
    ['statements', report.statements],
  ] as const)
    for (const [name, { right, wrong, refused }] of Object.entries(tallies))
      lines.push(
        `  ${what.padEnd(11)} ${name.padEnd(16)} ${right} right, ${wrong} wrong, ${refused} refused`,
      );
  for (const [title, groups] of [
    [`what neither Varve nor ${reference} answers as the files say`, report.common],
    ['statements', report.statementGroups],
    [`what ${reference} answers as the files say and Varve otherwise, with a reason`, report.deliberate],
  ] as const)
    lines.push('', `${title}:`, ...groups.flatMap(groupLines));
  lines.push('', `${report.failures.length} queries that ${reference} answers rightly and Varve does not`);
  for (const failure of report.failures.slice(0, 20)) lines.push(...findingLines(failure));
  const right = (report.queries[reference]?.right ?? 0) - report.failures.length;
  lines.push(`${right} passed, ${report.failures.length} failed`);
  return lines.join('\n');
}

function groupLines({ reason, count, example }: Group): string[] {
  const sql = example.sql.replaceAll(/\s+/g, ' ').slice(0, 160);
  return [`  ${String(count).padStart(6)}  ${reason}`, `          ${example.file}:${example.line} ${sql}`];
}

function findingLines({ file, line, sql, expected, verdicts }: Finding): string[] {
  const told = Object.entries(verdicts).map(([name, verdict]) => {
    const got = verdict.is === 'wrong' ? `: ${verdict.got.slice(0, 12).join(' | ')}` : '';
    const why = verdict.is === 'right' ? '' : ` (${verdict.why})`;
    return `    ${name}: ${verdict.is}${why}${got}`;
  });
  return [
    `failed: ${file}:${line}`,
    `    ${sql}`,
    `    expected: ${expected.slice(0, 12).join(' | ')}`,
    ...told,
  ];
}
