/** Runs the files of a folder, several at a time. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAnswers } from '../subjects/answers-process.js';
import type { Subject } from '../subjects/subject.js';
import { openVarve } from '../subjects/varve.js';
import { type Dialect, datafusion, sqlite } from './dialect.js';
import { type FileReport, runFile } from './run-file.js';

/** The subject that Varve is measured by: DataFusion as it comes. */
export const reference = 'stock';

/** How a folder is run. */
export interface FolderRun {
  readonly folder: string;
  readonly only: string;
  readonly jobs: number;
  readonly every: number;
  readonly dialect: 'sqlite' | 'datafusion';
  /** The program `answers`. */
  readonly program: string;
  /** Hears of every file that is done. */
  readonly done: (report: FileReport, of: number) => void;
}

/** The reports of all files, in the order of their names. @throws Error when there is no file */
export async function runFolder(run: FolderRun): Promise<readonly FileReport[]> {
  const files = filesIn(run.folder).filter((file) => file.includes(run.only));
  if (files.length === 0) throw new Error(`no file *.test or *.slt is under ${run.folder}`);
  const reports: FileReport[] = [];
  const waiting = [...files];
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const report = await runOne(run, file);
      reports.push(report);
      run.done(report, files.length);
    }
  };
  await Promise.all(Array.from({ length: run.jobs }, work));
  return reports.sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** Paths below `folder`. */
export function filesIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.(test|slt)$/.test(name)).sort();
}

async function runOne(run: FolderRun, file: string): Promise<FileReport> {
  const dialect: Dialect = run.dialect === 'sqlite' ? sqlite : datafusion;
  const subjects: Subject[] = [startAnswers(run.program, reference)];
  try {
    // DataFusion's files show values of types that JavaScript has none for: there both answers are written by Rust.
    if (run.dialect === 'datafusion') subjects.push(startAnswers(run.program, 'varve'));
    else for (const place of ['hot', 'segments'] as const) subjects.push(await openVarve(place));
    const text = readFileSync(join(run.folder, file), 'utf8');
    return await runFile({ name: file, text, subjects, reference, dialect, every: run.every });
  } finally {
    for (const subject of subjects) await subject.close();
  }
}
