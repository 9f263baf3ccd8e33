/** Runs one suite and adds what belongs to every result: machine, commit, goals. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { judge, readGoals } from './goals.js';
import { describeCommit, describeMachine } from './machine.js';
import type { Progress } from './progress.js';
import type { Run, Size, Suite } from './result.js';

/** Stores under test lie here: on the disk of the clone, where a temporary folder might be memory. */
const workFolder = fileURLToPath(new URL('../../.varve/bench/', import.meta.url));

export interface SuiteRequest {
  readonly name: string;
  readonly suite: Suite;
  readonly size: Size;
  readonly seed: number;
  readonly progress: Progress;
  readonly only?: string | undefined;
}

export async function runSuite({ name, suite, size, seed, progress, only }: SuiteRequest): Promise<Run> {
  mkdirSync(workFolder, { recursive: true });
  const folder = mkdtempSync(join(workFolder, `${name}-`));
  const notes: string[] = [];
  try {
    const cases = await suite({
      size,
      seed,
      folder,
      progress,
      note: (text) => notes.push(text),
      ...(only === undefined ? {} : { only }),
    });
    return {
      suite: name,
      size,
      commit: describeCommit(),
      machine: describeMachine(),
      seed,
      ...(notes.length > 0 ? { notes } : {}),
      cases,
      goals: judge(readGoals(), name, cases),
    };
  } finally {
    progress.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
