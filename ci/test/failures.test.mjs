import { expect, it } from 'vitest';
import { failuresOfCargo, failuresOfTap, failuresOfVitest } from '../lib/failures.mjs';

const cargo = `
running 4 tests
test tests::fails ... FAILED
test tests::good ... ok

failures:

---- tests::fails stdout ----
Error: "no way"

---- tests::panics stdout ----
noise

thread 'tests::panics' (31914) panicked at src/lib.rs:6:43:
assertion \`left == right\` failed: seed 7
  left: 1
 right: 2
stack backtrace:
   0: ct::tests::panics


failures:
    tests::fails
    tests::panics

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.15s

running 1 test

failures:

---- src/lib.rs - x (line 1) stdout ----
Test executable failed (exit status: 101).


failures:
    src/lib.rs - x (line 1)
`;

const tap = `TAP version 13
# a
not ok 1 numbers
  ---
    operator: equal
    expected: 2
    actual:   1
    stack: |-
      Error: numbers
  ...
not ok 2 shapes
  ---
    operator: deepEqual
    expected: |-
      { a: 2 }
    actual: |-
      { a: 1 }
  ...
ok 3 fine
not ok 4 later # TODO
not ok 5 bare
`;

const vitest = {
  testResults: [
    { name: '/clone/a.test.ts', status: 'failed', message: 'Cannot find module b', assertionResults: [] },
    { name: '/clone/c.test.ts', status: 'passed', assertionResults: [] },
    {
      name: '/clone/d.test.ts',
      status: 'failed',
      assertionResults: [
        { status: 'passed', fullName: 'x fine', failureMessages: [] },
        {
          status: 'failed',
          fullName: 'x with VARVE_SEED=7',
          failureMessages: ['Error: lost 3\n    at d.ts'],
        },
      ],
    },
  ],
};

/** Each row: a tool's report → a line for each test that failed. */
it.each([
  [
    'cargo',
    () => failuresOfCargo(cargo),
    [
      'tests::fails: Error: "no way"',
      'tests::panics: src/lib.rs:6:43: assertion `left == right` failed: seed 7',
      'src/lib.rs - x (line 1): Test executable failed (exit status: 101).',
    ],
  ],
  ['cargo without a failure', () => failuresOfCargo('test result: ok. 3 passed; 0 failed; 0 ignored'), []],
  [
    'TAP',
    () => failuresOfTap(tap),
    ['numbers: expected 2, actual 1', 'shapes: expected { a: 2 }, actual { a: 1 }', 'bare: '],
  ],
  [
    'Vitest',
    () => failuresOfVitest(vitest, '/clone'),
    [
      'a.test.ts: Cannot find module b',
      'c.test.ts: holds no test',
      'd.test.ts > x with VARVE_SEED=7: Error: lost 3',
    ],
  ],
])('%s', (_, failures, expected) => {
  expect(failures()).toEqual(expected);
});
