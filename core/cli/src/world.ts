/** What the command asks of the world around it; a tier gives it, and tests give another. */
import type { Readable, Writable } from 'node:stream';
import type { Clock, SqlEngine } from '@varve/interfaces';

/** How the command opens a database. */
export interface CliOpenOptions {
  readonly readOnly?: boolean;
  readonly createIfMissing?: boolean;
  readonly memoryBytes?: number;
  readonly allowedFolders?: readonly string[];
}

/** A stream that may be a terminal. */
export type Terminal<Stream> = Stream & { readonly isTTY?: boolean; readonly columns?: number };

/** What the command meets: databases, streams, time. */
export interface CliWorld {
  /** Opens the database in a directory. */
  readonly openSql: (directory: string, options: CliOpenOptions) => Promise<SqlEngine>;
  readonly stdin: Terminal<Readable>;
  readonly stdout: Terminal<Writable>;
  readonly stderr: Terminal<Writable>;
  readonly clock: Clock;
  /** Of the package that the command belongs to. */
  readonly version: string;
  /** Where the lines of the REPL are kept; none are kept without it. */
  readonly historyFile?: string;
  /** Hears of Ctrl-C outside of the REPL; returns how to stop listening. */
  readonly onInterrupt?: (heard: () => void) => () => void;
}

/** Writes, and waits while the stream has more than it can take. */
export async function write(stream: Writable, text: string): Promise<void> {
  if (text === '' || stream.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    stream.on('drain', done).on('close', done).on('error', done);
  });
}
