/**
 * The command `npm run tpcds`: the 99 queries of TPC-DS on Varve, with rows as they were appended and in segments, and on
 * DuckDB; fails where the answers differ and DataFusion as it comes answers as DuckDB does.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runBeside } from '../beside/run.js';
import { buildAnswers, startAnswers } from '../subjects/answers-process.js';
import { NotMade, tpcdsData } from './data.js';

const usage = `npm run tpcds -- [--scale N] [--optional]

Data and texts come from DuckDB's extension, which Python's package index has: the first run needs python3 with venv, and
the network. --scale 0.01 is some 10 MB. --optional: a machine without them is no failure.`;

const words = process.argv.slice(2);
const isOptional = words.includes('--optional');
const [option, scale = '0.01', ...rest] = words.filter((word) => word !== '--optional');
if ((option !== undefined && option !== '--scale') || !/^\d+(\.\d+)?$/.test(scale) || rest.length > 0) {
  console.error(usage);
  process.exitCode = 2;
} else await main();

async function main(): Promise<void> {
  try {
    const data = tpcdsData(scale);
    const texts = JSON.parse(readFileSync(join(data, 'queries.json'), 'utf8')) as readonly string[];
    const questions = texts.map((text, at) => ({ name: `query ${at + 1}`, sql: text.replace(/;\s*$/, '') }));
    const program = buildAnswers();
    const failed = await runBeside({ data, questions, reference: () => startAnswers(program, 'stock') });
    if (failed > 0) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof NotMade)) throw error;
    console.log(`not run: ${error.message}`);
    if (!isOptional) process.exitCode = 1;
  }
}
