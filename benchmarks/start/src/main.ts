/**
 * The main job of a tier on real data: `npm start [-- embedded] [--json] [--rows N]`.
 *
 * Results go to stdout, progress to stderr, the database and the report to `.varve` in the clone.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { VarveError } from '@varve/embedded';
import { printOutcome } from './embedded/print.js';
import { runEmbedded } from './embedded/run.js';
import { renderReport } from './report/page.js';

const stateFolder = fileURLToPath(new URL('../../../.varve', import.meta.url));
/** All of them. */
const rowCountMax = 3_000_000;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const hint = error instanceof VarveError && error.hint !== '' ? `\n${error.hint}` : '';
  console.error(error instanceof VarveError ? `${error.code}: ${error.message}${hint}` : error);
  process.exitCode = 1;
}

async function main(words: string[]): Promise<number> {
  const usage = 'usage: npm start [-- embedded] [--json] [--rows N]';
  let parsed: ReturnType<typeof readWords>;
  try {
    parsed = readWords(words);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  const outcome = await runEmbedded({
    folder: join(stateFolder, 'start-embedded'),
    rowCountMax: parsed.rows,
    keysPerRound: 20_000,
  });
  const report = join(stateFolder, 'report-embedded.html');
  writeFileSync(report, await renderReport(outcome.summary));
  if (parsed.json)
    console.log(
      JSON.stringify(
        { ...outcome.summary, again: outcome.again, folder: outcome.folder, report },
        undefined,
        2,
      ),
    );
  else console.log(`${printOutcome(outcome)}\nReport: ${report}`);
  return 0;
}

function readWords(words: string[]): { readonly json: boolean; readonly rows: number } {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, rows: { type: 'string' } },
  });
  const [tier = 'embedded', ...rest] = positionals;
  if (tier !== 'embedded' || rest.length > 0)
    throw new Error(`there is no tier "${positionals.join(' ')}" in this version: only embedded`);
  const rows = Number(values.rows ?? rowCountMax);
  if (!Number.isSafeInteger(rows) || rows < 1000) throw new Error('--rows takes a whole number from 1000 on');
  return { json: values.json === true, rows: Math.min(rows, rowCountMax) };
}
