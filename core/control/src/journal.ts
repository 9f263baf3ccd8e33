/**
 * The journal: every decision, why it was taken, what it was to bring, what it brought, and how it is undone.
 *
 * Entries are only appended. Each carries the SHA-256 of its predecessor's hash and itself, so that a changed or
 * missing line is found by `firstBrokenEntry`.
 */
import { createHash } from 'node:crypto';
import type { JournalEntry } from '@varve/interfaces';

/** An entry before the journal numbers and seals it. */
export type JournalDraft = Omit<JournalEntry, 'sequence' | 'hash'>;

/** Entries kept in memory; the oldest are let go first, and a sink keeps them all. */
export const journalEntriesMax = 10_000;

const genesisHash = '0'.repeat(64);

/** An append-only, hash-chained list of decisions. */
export class Journal {
  readonly #entries: JournalEntry[];
  readonly #sink: (entry: JournalEntry) => void;

  /**
   * @param entries what an earlier run left, oldest first
   * @param sink is handed every new entry, to keep it beyond this process
   */
  constructor(entries: readonly JournalEntry[] = [], sink: (entry: JournalEntry) => void = () => {}) {
    this.#entries = entries.slice(-journalEntriesMax);
    this.#sink = sink;
  }

  /** Numbers and seals a decision, keeps it, and hands it to the sink. */
  append(draft: JournalDraft): JournalEntry {
    const last = this.#entries.at(-1);
    const unsealed = { sequence: (last?.sequence ?? -1) + 1, ...draft };
    const entry: JournalEntry = { ...unsealed, hash: seal(last?.hash ?? genesisHash, unsealed) };
    this.#entries.push(entry);
    if (this.#entries.length > journalEntriesMax) this.#entries.shift();
    this.#sink(entry);
    return entry;
  }

  /** A copy of what is kept, oldest first. */
  entries(): readonly JournalEntry[] {
    return [...this.#entries];
  }

  /** The number that the next decision gets. */
  nextDecision(): number {
    return this.#entries.reduce((next, entry) => Math.max(next, entry.decision + 1), 0);
  }
}

/**
 * Finds the first entry that was changed, or that does not follow its predecessor.
 *
 * The first entry is taken on trust unless it is number 0, since older ones may have been let go.
 * @returns its index in `entries`; -1 when the chain holds
 */
export function firstBrokenEntry(entries: readonly JournalEntry[]): number {
  return entries.findIndex((entry, index) => {
    const previous = entries[index - 1];
    if (previous === undefined && entry.sequence !== 0) return false;
    const { hash, ...unsealed } = entry;
    const follows = entry.sequence === (previous?.sequence ?? -1) + 1;
    return !follows || hash !== seal(previous?.hash ?? genesisHash, unsealed);
  });
}

function seal(previousHash: string, unsealed: Omit<JournalEntry, 'hash'>): string {
  return createHash('sha256').update(previousHash).update(canonicalJson(unsealed)).digest('hex');
}

/** JSON with sorted keys: the same entry gives the same text whatever order its fields were set in. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isRecord(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
