/** What is asked: an engine with a database that begins empty. */

/** What a column holds, as far as an oracle cares. */
export type Kind = 'bool' | 'int' | 'float' | 'decimal' | 'text' | 'null' | 'other';

/** An answer, its values as text; null is NULL. */
export interface Answer {
  readonly columns: readonly Kind[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** Rows that a statement changed, when it says so. */
  readonly affected: number | null;
}

/** An engine refused a statement. */
export interface Refusal {
  readonly error: string;
}

/** An engine under test, or one to compare with. */
export interface Subject {
  readonly name: string;
  /** Never rejects for what a statement does. */
  execute(sql: string): Promise<Answer | Refusal>;
  /** Lets go of the engine and its database. */
  close(): Promise<void>;
}

/** Whether it is a refusal. */
export function isRefusal(answer: Answer | Refusal): answer is Refusal {
  return 'error' in answer;
}
