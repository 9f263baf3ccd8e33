/** SQL written as a template: the text stays text, and what stands in `${}` stays a value. */
import { type SqlFragment, type SqlParameter, VarveError } from '@varve/interfaces';

/**
 * Made by `sql` only. A class, because an object of the same shape may come out of somebody's JSON, and would then
 * bring its text into the statement.
 */
class Fragment implements SqlFragment {
  readonly #own = true;
  readonly texts: readonly string[];
  readonly values: readonly SqlParameter[];

  constructor(texts: readonly string[], values: readonly SqlParameter[]) {
    this.texts = texts;
    this.values = values;
    Object.freeze(this);
  }

  static is(value: unknown): value is Fragment {
    return typeof value === 'object' && value !== null && #own in value && value.#own;
  }
}

/** The tag `sql`, and what builds fragments that no value can be. */
export interface SqlTag {
  (texts: TemplateStringsArray, ...values: readonly (SqlParameter | SqlFragment)[]): SqlFragment;
  /** A table or column by its name, quoted: `sql.identifier('flights', 'delay')` is `"flights"."delay"`. */
  identifier(...path: readonly string[]): SqlFragment;
  /** Values as parameters with commas between, for IN; NULL, which nothing equals, when there are none. */
  list(values: readonly SqlParameter[]): SqlFragment;
  /** Fragments one after another. @param separator fixed text of the program, never of a user */
  join(fragments: readonly SqlFragment[], separator?: string): SqlFragment;
}

/** Writes a piece of SQL; nested ones bring their values along. @throws VarveError ARGUMENT_INVALID */
export const sql: SqlTag = Object.assign(fragmentOf, {
  identifier: identifierOf,
  list: listOf,
  join: joined,
});

/** Whether a value is a piece of SQL. */
export function isFragment(value: unknown): value is SqlFragment {
  return Fragment.is(value);
}

/** The statement, with `$1`, `$2`, … for its values. */
export function statementOf({ texts, values }: SqlFragment): {
  text: string;
  values: readonly SqlParameter[];
} {
  const text = texts.reduce((built, part, at) => `${built}$${at}${part}`);
  return { text, values };
}

function fragmentOf(
  texts: TemplateStringsArray,
  ...given: readonly (SqlParameter | SqlFragment)[]
): SqlFragment {
  if (!Array.isArray(texts) || !Object.hasOwn(texts, 'raw'))
    throw invalid('sql is a tag of templates, not a function', 'write sql`...`');
  return assembled(texts, given);
}

function identifierOf(...path: readonly string[]): SqlFragment {
  if (
    path.length === 0 ||
    !path.every((part) => typeof part === 'string' && part !== '' && !part.includes('\0'))
  )
    throw invalid('a name is one text or more, none of them empty');
  return new Fragment([path.map((part) => `"${part.replaceAll('"', '""')}"`).join('.')], []);
}

function listOf(values: readonly SqlParameter[]): SqlFragment {
  if (!Array.isArray(values)) throw invalid('a list is an array of values');
  if (values.length === 0) return new Fragment(['NULL'], []);
  return assembled(['', ...values.slice(1).map(() => ', '), ''], values);
}

function joined(fragments: readonly SqlFragment[], separator = ', '): SqlFragment {
  if (!Array.isArray(fragments) || !fragments.every(isFragment)) throw invalid('only fragments are joined');
  if (fragments.length === 0) return new Fragment([''], []);
  return assembled(['', ...fragments.slice(1).map(() => separator), ''], fragments);
}

function assembled(texts: readonly string[], given: readonly (SqlParameter | SqlFragment)[]): SqlFragment {
  const parts: string[] = [texts[0] ?? ''];
  const values: SqlParameter[] = [];
  const append = (text: string): void => {
    parts.push((parts.pop() ?? '') + text);
  };
  for (const [at, value] of given.entries()) {
    const after = texts[at + 1] ?? '';
    if (Fragment.is(value)) {
      append(value.texts[0] ?? '');
      parts.push(...value.texts.slice(1));
      values.push(...value.values);
      append(after);
    } else {
      values.push(value as SqlParameter);
      parts.push(after);
    }
  }
  return new Fragment(parts, values);
}

function invalid(message: string, hint = ''): VarveError {
  return new VarveError('ARGUMENT_INVALID', { message, hint });
}
