/** What `npm run slt` was asked for. */

export const usage = `npm run slt -- FOLDER [--only TEXT] [--jobs N] [--sample N] [--dialect sqlite|datafusion] [--json]
       npm run slt -- --dialect datafusion [...]

Runs the files *.test and *.slt under FOLDER on Varve, through its public API, twice: with rows where they were written,
and all in segments; and on DataFusion as it comes. Lists what differs, and fails when DataFusion answers something
rightly that Varve does not.
DataFusion's own files come with cargo when no FOLDER is named.
--only takes files whose path has TEXT in it. --jobs files are run at a time (2). --sample asks every N-th query.
--json prints the report as JSON.`;

/** The request. */
export interface SltCommand {
  /** Empty for those of DataFusion. */
  readonly folder: string;
  readonly only: string;
  readonly jobs: number;
  readonly every: number;
  readonly dialect: 'sqlite' | 'datafusion';
  readonly isJson: boolean;
}

/** @throws Error that says what is not understood */
export function parseSltCommand(words: readonly string[]): SltCommand {
  const command = { folder: '', only: '', jobs: 2, every: 1, dialect: 'sqlite' as const, isJson: false };
  const asked: { -readonly [Name in keyof SltCommand]: SltCommand[Name] } = command;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const value = words[at + 1] ?? '';
    if (word === '--json') asked.isJson = true;
    else if (!word.startsWith('--') && asked.folder === '') asked.folder = word;
    else {
      at += 1;
      if (word === '--only' && value !== '') asked.only = value;
      else if (word === '--jobs' && /^[1-9]\d?$/.test(value)) asked.jobs = Number(value);
      else if (word === '--sample' && /^[1-9]\d*$/.test(value)) asked.every = Number(value);
      else if (word === '--dialect' && (value === 'sqlite' || value === 'datafusion')) asked.dialect = value;
      else throw new Error(`${word} ${value} is not understood`);
    }
  }
  if (asked.folder === '' && asked.dialect === 'sqlite') throw new Error('a folder is wanted');
  return asked;
}
