import { describe, expect, it } from 'vitest';
import { countCargo, countTap, countVitest, settle } from '../lib/counts.mjs';

const cargo = (passed, failed, ignored) =>
  `test result: ${failed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; ${ignored} ignored; 0 measured`;
const vitest = (assertionResults, passed, failed) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ name: 'a.test.ts', status: 'passed', assertionResults }],
});

/** Each row: what the tool printed → the counts. */
const rows = [
  ['cargo: two binaries are summed', () => countCargo(`${cargo(3, 0, 0)}\n${cargo(4, 1, 2)}`), [7, 1, 2]],
  ['cargo: nothing printed', () => countCargo('error: could not compile'), [0, 0, 0]],
  [
    'TAP: ok, not ok, skipped',
    () => countTap('ok 1 a\nnot ok 2 b\nok 3 c # SKIP no disk\n# pass 9'),
    [1, 1, 1],
  ],
  ['TAP: nested text is not a result', () => countTap('  ---\n  message: ok 1\n  ...'), [0, 0, 0]],
  ['Vitest: as reported', () => countVitest(vitest([{}], 5, 2)), [5, 2, 0]],
  ['Vitest: a file without tests fails', () => countVitest(vitest([], 5, 0)), [5, 1, 0]],
  ['a clean suite', () => settle({ passed: 2, failed: 0, skipped: 0 }, 0), [2, 0, 0]],
  ['a suite that ran nothing fails', () => settle({ passed: 0, failed: 0, skipped: 0 }, 0), [0, 1, 0]],
  ['a crash after passing tests fails', () => settle({ passed: 9, failed: 0, skipped: 0 }, 134), [9, 1, 0]],
  ['named failures are not counted twice', () => settle({ passed: 9, failed: 2, skipped: 0 }, 1), [9, 2, 0]],
];

describe('counting tests', () => {
  it.each(rows)('%s', (_, count, [passed, failed, skipped]) => {
    expect(count()).toEqual({ passed, failed, skipped });
  });
});
