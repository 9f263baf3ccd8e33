/**
 * The journal beyond this process: one JSON line per entry in `control-journal.jsonl`, in the store's directory.
 *
 * It explains, it does not hold data: lines are appended without a sync, and what a crash tears off, or anybody
 * changes, ends the part that is believed (the entries are hash-chained). A line `{"hardware": …}` tells on which
 * processor the entries behind it were measured.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { firstBrokenEntry, journalEntriesMax } from '@varve/control';
import type { Action, IndexPolicy, JournalEntry } from '@varve/interfaces';

/** What an earlier run left. */
export interface KeptJournal {
  readonly entries: readonly JournalEntry[];
  /** Where the last run measured; undefined for a new store. */
  readonly hardware: string | undefined;
}

/** Appends to the journal of one store. A failed write is given up: the store does not depend on it. */
export class JournalFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(location: string) {
    this.#path = join(location, 'control-journal.jsonl');
  }

  /** Reads what is whole; rewrites the file when something behind that is not, or when it has grown too long. */
  async read(): Promise<KeptJournal> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => line !== '');
    const entries: JournalEntry[] = [];
    let hardware: string | undefined;
    let isWhole = true;
    for (const line of lines) {
      const value = parse(line);
      const name = value?.['hardware'];
      isWhole = typeof name === 'string' || isEntry(value);
      if (!isWhole) break;
      if (typeof name === 'string') hardware = name;
      else entries.push(value as unknown as JournalEntry);
    }
    const broken = firstBrokenEntry(entries);
    const kept = (broken < 0 ? entries : entries.slice(0, broken)).slice(-journalEntriesMax);
    if (!isWhole || broken >= 0 || entries.length > 2 * journalEntriesMax)
      this.#write(() =>
        writeFile(
          this.#path,
          [...(hardware === undefined ? [] : [{ hardware }]), ...kept].map(lineOf).join(''),
        ),
      );
    return { entries: kept, hardware };
  }

  append(value: JournalEntry | { readonly hardware: string }): void {
    this.#write(() => appendFile(this.#path, lineOf(value)));
  }

  /** Resolves when everything appended is written, or given up. */
  settled(): Promise<void> {
    return this.#writing;
  }

  #write(write: () => Promise<void>): void {
    this.#writing = this.#writing.then(write).catch(() => undefined);
  }
}

/** The policy that the last finished decision left in force; a trial that a crash cut short counts as undone. */
export function policyLeftBy(entries: readonly JournalEntry[]): IndexPolicy | undefined {
  let policy: IndexPolicy | undefined;
  for (const { stage, action, undo } of entries) {
    if (stage === 'LIVE') policy = policyOf(action) ?? policy;
    if (stage === 'CANARY' || stage === 'REVERTED') policy = policyOf(undo) ?? policy;
  }
  return policy;
}

function policyOf(action: Action | undefined): IndexPolicy | undefined {
  return action?.type === 'index-policy' ? action.policy : undefined;
}

const lineOf = (value: object): string => `${JSON.stringify(value)}\n`;

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** As far as the chain needs it: the hash covers the rest. */
function isEntry(value: Record<string, unknown> | undefined): boolean {
  return typeof value?.['hash'] === 'string' && typeof value['sequence'] === 'number';
}
