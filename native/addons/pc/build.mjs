// Builds the native addon of the pc tier: SQL. VARVE_ADDON_PROFILE names the profile of cargo: `pc` by default, which is
// what users get; tests take `dev`, in which the dependencies are compiled for Rust's own tests already.
//
//   node build.mjs                  compiles varve_napi with SQL and puts the library beside this file
//   node build.mjs --types          writes src/native.ts, the types of what the addon exports, again
//   node build.mjs --types --check  fails when src/native.ts is not what the Rust source says
import { fileURLToPath } from 'node:url';
// @boundaries-ignore no package has it: it runs before anything is compiled
import { buildLibrary, writeTypes } from '../build-addon.mjs';
import { addonFile } from './platform.mjs';
import { compilerFlags, missingHere } from './processor.mjs';

const words = process.argv.slice(2);
// Cargo unites the features of what it builds together: with another selection it would compile DataFusion again.
const selection = [
  '--package=varve_table',
  '--package=varve_sql',
  '--package=varve_napi',
  '--no-default-features',
  '--features=varve_napi/sql',
];

if (words.includes('--types')) {
  writeTypes('build', selection, {
    file: fileURLToPath(new URL('src/native.ts', import.meta.url)),
    imports: "import type { NativePointReader } from './point-reader.js';\n",
    script: 'native/addons/pc/build.mjs',
    checkOnly: words.includes('--check'),
  });
} else {
  const target = fileURLToPath(new URL(addonFile(), import.meta.url));
  const profile = process.env.VARVE_ADDON_PROFILE ?? 'pc';
  const missing = missingHere();
  if (missing.length > 0)
    throw new Error(`the processor has no ${missing.join(', ')}: @varve/pc does not run here`);
  // Tests share the compiled dependencies of Rust's own, which are for every processor.
  const flags = profile === 'dev' ? '' : compilerFlags;
  const env = flags === '' ? {} : { RUSTFLAGS: `${process.env.RUSTFLAGS ?? ''} ${flags}`.trim() };
  buildLibrary({ profile, selection, env }, target);
}
