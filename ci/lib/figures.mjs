// Whether a benchmark's run has every figure that it should have.

/** @typedef {{case: string, metric: string, values: Record<string, {median: number}>}} Case */
/** @typedef {{suite: string, id: string, metric: {case: string, metric: string, over?: string}}} Goal */

/**
 * What is wrong with one run; empty when nothing is.
 * @param {{suite: string, cases: readonly Case[]}} run
 * @param {{goals: readonly Goal[], expected: readonly Case[]}} wanted `expected`: the cases of an earlier run
 * @returns {string[]}
 */
export function missingFigures({ suite, cases }, { goals, expected }) {
  const find = (/** @type {{case: string, metric: string}} */ { case: name, metric }) =>
    cases.find((row) => row.case === name && row.metric === metric);
  const problems = cases.length === 0 ? ['no cases'] : [];
  for (const row of cases) {
    const label = `${row.case}, ${row.metric}`;
    if (row.values.varve === undefined) problems.push(`${label}: varve is missing`);
    for (const [engine, { median }] of Object.entries(row.values)) {
      if (!Number.isFinite(median)) problems.push(`${label}: ${engine} has no finite figure`);
    }
  }
  for (const { id, suite: owner, metric } of goals) {
    if (owner !== suite) continue;
    const row = find(metric);
    const engines = ['varve', ...(metric.over === undefined ? [] : [metric.over])];
    if (row === undefined) problems.push(`goal ${id} names no case: ${metric.case}, ${metric.metric}`);
    else if (engines.some((engine) => row.values[engine] === undefined))
      problems.push(`goal ${id} names an engine that was not measured: ${engines.join(', ')}`);
  }
  for (const row of expected) {
    const now = find(row);
    if (now === undefined) problems.push(`the case is gone: ${row.case}, ${row.metric}`);
    else
      for (const engine of Object.keys(row.values))
        if (now.values[engine] === undefined) problems.push(`${row.case}, ${row.metric}: ${engine} is gone`);
  }
  return problems;
}
