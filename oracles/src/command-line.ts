/** What commands that run for as long as they are asked have in common. */

/** The numbers that are named as `--name 5`, others as they are; undefined when something is not understood. */
export function numbersOf<Name extends string>(
  words: readonly string[],
  others: Readonly<Record<Name, number>>,
): Readonly<Record<Name, number>> | undefined {
  const found: Record<string, number> = { ...others };
  for (let at = 0; at < words.length; at += 2) {
    const name = words[at]?.replace(/^--/, '') ?? '';
    const value = words[at + 1] ?? '';
    if (words[at] !== `--${name}` || !Object.hasOwn(others, name) || !/^\d+$/.test(value)) return undefined;
    found[name] = Number(value);
  }
  return found as Record<Name, number>;
}

/** What hears how many are done, and tells standard error after every twentieth of them. */
export function twentieths(all: number, what: string): (done: number) => void {
  let last = 0;
  return (done) => {
    if (done - last < all / 20) return;
    last = done;
    console.error(`${done} of ${all} ${what}`);
  };
}
