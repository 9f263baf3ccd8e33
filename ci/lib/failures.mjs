// Names the tests that failed, one line each with the first line of the error, out of each tool's own report.

/** @typedef {{status: string, fullName: string, failureMessages: string[]}} Assertion */

const lineCharsMax = 300;

/** Out of what `cargo test` prints of each failed test. @param {string} output @returns {string[]} */
export function failuresOfCargo(output) {
  const blocks = output.matchAll(/^---- (.+) stdout ----\n([^]*?)(?=^---- .+ stdout ----$|^failures:$)/gm);
  return [...blocks].map(([, name = '', text = '']) => {
    const [, place, message] = /panicked at (.+):\n(.*)/.exec(text) ?? [];
    return line(name, place === undefined ? text : `${place}: ${message}`);
  });
}

/** Out of a TAP stream whose assertions say what was expected. @param {string} output @returns {string[]} */
export function failuresOfTap(output) {
  const failed = output.matchAll(/^not ok \d+ (?!.*# (?:skip|todo))(.*)\n((?: .*\n)*)/gim);
  return [...failed].map(([, name = '', block = '']) => {
    const fields = block.matchAll(/^ *(expected|actual): *(?:\|-\n *)?(.*)/gm);
    return line(name, [...fields].map(([, field, value]) => `${field} ${value}`).join(', '));
  });
}

/**
 * Out of a Vitest JSON report; a file that could not be loaded is named as a whole.
 * @param {{testResults: {name: string, status: string, message?: string, assertionResults: Assertion[]}[]}} report
 * @param {string} root the folder that file names begin with
 * @returns {string[]}
 */
export function failuresOfVitest({ testResults }, root) {
  return testResults.flatMap(({ name, message = 'holds no test', assertionResults }) => {
    const file = name.replace(`${root}/`, '');
    if (assertionResults.length === 0) return [line(file, message)];
    return assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages: [error = ''] }) => line(`${file} > ${fullName}`, error));
  });
}

/** @param {string} name @param {string} error */
function line(name, error) {
  const [first = ''] = error.trim().split('\n');
  return `${name}: ${first}`.slice(0, lineCharsMax);
}
