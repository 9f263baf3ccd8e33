// Builds the native addon of the embedded tier.
//
//   node build.mjs                  compiles varve_napi (optimised, stripped) and puts the library beside this file
//   node build.mjs --types          writes src/native.ts, the types of what the addon exports, again
//   node build.mjs --types --check  fails when src/native.ts is not what the Rust source says
import { fileURLToPath } from 'node:url';
// @boundaries-ignore no package has it: it runs before anything is compiled
import { buildLibrary, writeTypes } from '../build-addon.mjs';
import { addonFile } from './platform.mjs';

const words = process.argv.slice(2);
const selection = ['--package', 'varve_napi'];

if (words.includes('--types')) {
  writeTypes('check', selection, {
    file: fileURLToPath(new URL('src/native.ts', import.meta.url)),
    imports: "import type { HotReads } from './hot-reads.js';\n",
    script: 'native/addons/embedded/build.mjs',
    checkOnly: words.includes('--check'),
  });
} else {
  // sections.ld of varve_napi orders functions by what their symbols name, and only this mangling names it all.
  const env = { RUSTFLAGS: `${process.env.RUSTFLAGS ?? ''} -Csymbol-mangling-version=v0` };
  const target = fileURLToPath(new URL(addonFile(), import.meta.url));
  buildLibrary({ profile: 'addon', selection, env }, target);
}
