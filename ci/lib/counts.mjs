// Reads how many tests passed and failed out of each tool's own summary.

/** @typedef {{passed: number, failed: number, skipped: number}} Counts */

/** Sums every `test result:` line of `cargo test`. @param {string} output @returns {Counts} */
export function countCargo(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(ignored);
  }
  return counts;
}

/** Counts the assertions of a TAP stream. @param {string} output @returns {Counts} */
export function countTap(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, not, directive] of output.matchAll(/^(not )?ok \d+.*?(# (?:skip|todo).*)?$/gim)) {
    if (directive) counts.skipped += 1;
    else if (not) counts.failed += 1;
    else counts.passed += 1;
  }
  return counts;
}

/**
 * Counts a Vitest JSON report. A test file that holds no test counts as one failure.
 * @param {{numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: {name: string, status: string, assertionResults: unknown[]}[]}} report
 * @returns {Counts}
 */
export function countVitest(report) {
  const broken = report.testResults.filter(({ assertionResults }) => assertionResults.length === 0).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/**
 * The verdict of one suite: a suite that broke without naming a test, or ran nothing, counts as one failure.
 * @param {Counts} counts
 * @param {number} exitCode
 * @returns {Counts}
 */
export function settle({ passed, failed, skipped }, exitCode) {
  const silent = failed === 0 && (exitCode !== 0 || passed === 0);
  return { passed, failed: silent ? 1 : failed, skipped };
}
