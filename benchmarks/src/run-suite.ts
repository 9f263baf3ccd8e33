/** Runs the parts of one suite and adds what belongs to every result: machine, commit, goals. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from './command-line.js';
import { judge, readGoals } from './goals.js';
import { untilInterrupted } from './interruption.js';
import { describeCommit, describeMachine } from './machine.js';
import type { Progress } from './progress.js';
import type { Case, Context, Part, Run, Size, Suite } from './result.js';

/** Stores under test lie here: on the disk of the clone, where a temporary folder might be memory. */
const workFolder = fileURLToPath(new URL('../../.varve/bench/', import.meta.url));

export interface SuiteRequest {
  readonly name: string;
  readonly suite: Suite;
  readonly size: Size;
  readonly seed: number;
  readonly progress: Progress;
  /** Names of parts, with commas between them; all by default. */
  readonly only?: string | undefined;
  /** As `Context` says. */
  readonly keyCount?: number | undefined;
  /** Gets what is measured so far, marked incomplete, after each part that another one follows. */
  readonly keep: (run: Run) => unknown;
}

/** What came of a request: the whole run, or its finished parts and what was thrown. */
export interface Ending {
  readonly run: Run;
  readonly failure?: unknown;
}

/** @throws UsageError when the suite has no part of a name that is asked for */
export async function runSuite(request: SuiteRequest): Promise<Ending> {
  const { name, suite, size, seed, progress, only, keyCount, keep } = request;
  const parts = chooseParts(name, suite, only);
  mkdirSync(workFolder, { recursive: true });
  const folder = mkdtempSync(join(workFolder, `${name}-`));
  const { commit, changedFiles } = describeCommit();
  const notes = size === 'real' && changedFiles.length > 0 ? [differenceOf(changedFiles)] : [];
  const cases: Case[] = [];
  const about = { suite: name, size, commit, machine: describeMachine(), seed };
  const measured = (incomplete?: string): Run => ({
    ...about,
    ...(incomplete === undefined ? {} : { incomplete }),
    ...(notes.length > 0 ? { notes } : {}),
    cases,
    goals: judge(readGoals(), name, cases),
  });
  const context: Context = {
    size,
    seed,
    ...(keyCount === undefined ? {} : { keyCount }),
    folder,
    progress,
    note: (text) => notes.push(text),
  };
  let at = 'getting ready';
  try {
    await untilInterrupted(suite.prepare?.(context) ?? Promise.resolve());
    for (const [i, [part, measure]] of parts.entries()) {
      at = `part ${part}, ${i + 1} of ${parts.length}`;
      if (i > 0) keep(measured(`ended in ${at}`));
      cases.push(...(await untilInterrupted(measure(context))));
    }
    progress.end();
    return { run: measured() };
  } catch (failure) {
    progress.fail();
    return { run: measured(`ended in ${at}: ${firstLine(failure)}`), failure };
  } finally {
    remove(folder);
  }
}

/** What stands in the results of a tree that is no commit's. */
export function differenceOf(files: readonly string[]): string {
  const [first = '', ...more] = files;
  return `**Not the commit's own figures**: ${first}${more.length === 0 ? '' : ` and ${more.length} more`} differed from it`;
}

/** A store that a failure left open may still make files: then the folder stays, and what failed is still told. */
function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    console.error(`${folder} stays: ${String(error)}`);
  }
}

const firstLine = (failure: unknown): string => String(failure).split('\n', 1)[0] ?? '';

function chooseParts(name: string, { parts }: Suite, only: string | undefined): readonly [string, Part][] {
  const asked = only?.split(',');
  const unknown = asked?.find((part) => parts[part] === undefined);
  if (unknown !== undefined)
    throw new UsageError(`${name} has no part ${unknown}; it has ${Object.keys(parts).join(', ')}`);
  return Object.entries(parts).filter(([part]) => asked?.includes(part) !== false);
}
