// Makes one file of each package that users load: every module that Node loads costs start-up time and memory. Needs
// the compiled packages; every `npm run setup` runs it.
//
// A package's file holds its own modules and the glue of its native addon, and imports every other package by name, so
// that each class of Varve, VarveError above all, exists once.
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './lib/paths.mjs';
import { publicPackages } from './lib/public-packages.mjs';

/** The packages of the native addons: their glue becomes a part of whoever imports it. */
const glue = ['@varve/native-embedded', '@varve/native-mobile', '@varve/native-pc'];

for (const folder of publicPackages()) {
  const { exports } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const { default: file, '@varve/unbundled': input } = exports['.'];
  if (input !== undefined) await bundle(join(root, folder, input), join(root, folder, file));
}

/** @param {string} input @param {string} file */
async function bundle(input, file) {
  const build = await rolldown({
    input,
    platform: 'node',
    external: (name) => !name.startsWith('.') && !isAbsolute(name) && !glue.includes(name),
  });
  // V8 keeps the source: without comments, and not in two bytes per character for the sake of a few.
  await build.write({ file, comments: false, charset: 'ascii' });
  await build.close();
}
