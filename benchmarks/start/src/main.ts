/**
 * The main job of a tier on real data: `npm start [-- embedded | mobile | pc] [--json] [--rows N]`.
 *
 * Results go to stdout, progress to stderr, the database and the report to `.varve` in the clone. A tier is loaded only
 * when it is asked for: the other's addon need not be there.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { VarveError } from '@varve/interfaces';

const stateFolder = fileURLToPath(new URL('../../../.varve', import.meta.url));
/** All of them. */
const rowCountMax = 3_000_000;

interface Request {
  readonly tier: 'embedded' | 'mobile' | 'pc';
  readonly json: boolean;
  readonly rows: number;
}

/** What each tier's job prints. */
const tiers: Readonly<Record<Request['tier'], (request: Request) => Promise<string>>> = {
  async embedded({ json, rows }) {
    const { runEmbedded } = await import('./embedded/run.js');
    const { printOutcome } = await import('./embedded/print.js');
    const { renderReport } = await import('./report/page.js');
    const folder = join(stateFolder, 'start-embedded');
    const outcome = await runEmbedded({ folder, rowCountMax: rows, keysPerRound: 20_000 });
    const report = join(stateFolder, 'report-embedded.html');
    writeFileSync(report, await renderReport(outcome.summary));
    const { summary, again } = outcome;
    return json
      ? JSON.stringify({ ...summary, again, folder: outcome.folder, report }, undefined, 2)
      : `${printOutcome(outcome)}\nReport: ${report}`;
  },
  async mobile({ json, rows }) {
    const { runMobile } = await import('./mobile/run.js');
    const { printMobile } = await import('./mobile/print.js');
    const summary = await runMobile(join(stateFolder, 'start-mobile'), rows);
    return json ? JSON.stringify(summary, undefined, 2) : printMobile(summary);
  },
  async pc({ json, rows }) {
    const { runPc } = await import('./pc/run.js');
    const { printPc } = await import('./pc/print.js');
    const summary = await runPc(join(stateFolder, 'start-pc'), rows);
    return json ? JSON.stringify(summary, undefined, 2) : printPc(summary, process.cwd());
  },
};

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const hint = error instanceof VarveError && error.hint !== '' ? `\n${error.hint}` : '';
  console.error(error instanceof VarveError ? `${error.code}: ${error.message}${hint}` : error);
  process.exitCode = 1;
}

async function main(words: string[]): Promise<number> {
  const usage = 'usage: npm start [-- embedded | mobile | pc] [--json] [--rows N]';
  let parsed: Request;
  try {
    parsed = readWords(words);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  console.log(await tiers[parsed.tier](parsed));
  return 0;
}

function readWords(words: string[]): Request {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, rows: { type: 'string' } },
  });
  const [tier = 'embedded', ...rest] = positionals;
  if ((tier !== 'embedded' && tier !== 'mobile' && tier !== 'pc') || rest.length > 0)
    throw new Error(`there is no tier "${positionals.join(' ')}" in this version: embedded, mobile and pc`);
  const rows = Number(values.rows ?? rowCountMax);
  if (!Number.isSafeInteger(rows) || rows < 1000) throw new Error('--rows takes a whole number from 1000 on');
  return { tier, json: values.json === true, rows: Math.min(rows, rowCountMax) };
}
