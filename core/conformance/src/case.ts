/**
 * A suite is an array of cases: data, independent of any test runner.
 *
 * Whoever implements a contract maps them in one line, here for Vitest:
 *
 *     for (const { name, run } of keyValueStoreCases) it(name, () => run(factory));
 *
 * Invariants
 * 1. A case throws when the subject breaks the contract, and leaves nothing open when it does not.
 * 2. A case depends on its subject and on nothing else: any order, any selection, side by side.
 * 3. What a subject cannot do it says in its manifest; the case then asserts that it indeed cannot.
 */
export interface Case<Subject> {
  /** One sentence of the contract. */
  readonly name: string;
  /** Asserts it; rejects when it does not hold. */
  readonly run: (subject: Subject) => Promise<void>;
}
