/**
 * What a query stands on that Varve refused before: without it, its answer says nothing. A table that could not be made, or
 * an option of a session of DataFusion that cannot be set.
 */
import type { Verdict } from './judge.js';

/** Collects what was refused in one file. */
export interface Dependence {
  /** Hears of every statement with what became of it. */
  note(sql: string, verdicts: Readonly<Record<string, Verdict>>): void;
  /** What `sql` stands on; undefined when it stands alone. */
  of(sql: string): string | undefined;
}

/** @param reference what it refuses too does not count */
export function createDependence(reference: string): Dependence {
  const options = new Set<string>();
  const names = new Map<string, string>();
  return {
    note(sql, verdicts) {
      if (verdicts[reference]?.is !== 'right') return;
      const option = /^\s*(?:SET|RESET)\s+(\S+)/i.exec(sql)?.[1];
      const miss = Object.values(verdicts).find(({ is }) => is !== 'right');
      if (option !== undefined) {
        if (/^\s*RESET/i.test(sql)) options.delete(option);
        else if (miss !== undefined) options.add(option);
        return;
      }
      const name = nameIn(sql);
      if (name === undefined) return;
      if (miss?.is === 'refused') names.set(name, miss.why);
      // A table that was made after all stands for itself.
      else if (/^\s*CREATE/i.test(sql)) names.delete(name);
    },
    of(sql) {
      const words = new Set(sql.toLowerCase().match(/\w+/g));
      for (const [name, why] of names)
        if (words.has(name)) return `stands on a statement that is refused: ${why}`;
      return options.size > 0
        ? `stands on an option that cannot be set: ${[...options].join(', ')}`
        : undefined;
    },
  };
}

/** What a statement makes or changes. */
function nameIn(sql: string): string | undefined {
  const change =
    /\b(?:TABLE|VIEW|FUNCTION|PREPARE|(?:INSERT\s+)?INTO|UPDATE|DELETE\s+FROM|COPY)\s+(?:IF\s+NOT\s+EXISTS\s+)?"?([\w.]+)/i;
  return change.exec(sql.replaceAll(/--.*$/gm, ''))?.[1]?.split('.').at(-1)?.toLowerCase();
}
