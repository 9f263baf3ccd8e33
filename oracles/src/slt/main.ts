/** The command `npm run slt`: see `usage`. The report goes to standard output, progress to standard error. */
import { buildAnswers } from '../subjects/answers-process.js';
import { parseSltCommand, type SltCommand, usage } from './command-line.js';
import { datafusionFiles } from './datafusion-files.js';
import { reportOf, reportText } from './report.js';
import { reference, runFolder } from './run-folder.js';

try {
  await main(parseSltCommand(process.argv.slice(2)));
} catch (error) {
  console.error(`${String(error)}\n\n${usage}`);
  process.exitCode = 2;
}

async function main({ isJson, ...asked }: SltCommand): Promise<void> {
  let count = 0;
  const reports = await runFolder({
    ...asked,
    folder: asked.folder === '' ? datafusionFiles() : asked.folder,
    program: buildAnswers(),
    done({ file }, of) {
      count += 1;
      console.error(`${count} of ${of} files: ${file}`);
    },
  });
  const report = reportOf(reports, reference);
  console.log(isJson ? JSON.stringify(report, null, 2) : reportText(report, reference));
  if (report.failures.length > 0) process.exitCode = 1;
}
