// Builds the native addon of the mobile tier: tables and plans, without SQL. VARVE_ADDON_PROFILE names the profile of cargo:
// `mobile` by default, in which size counts most; tests take `dev`, in which the dependencies are compiled for Rust's own
// tests already.
//
//   node build.mjs                  compiles varve_napi with plans and puts the library beside this file
//   node build.mjs --types          writes src/native.ts, the types of what the addon exports, again
//   node build.mjs --types --check  fails when src/native.ts is not what the Rust source says
import { fileURLToPath } from 'node:url';
// @boundaries-ignore no package has it: it runs before anything is compiled
import { buildLibrary, writeTypes } from '../build-addon.mjs';
import { addonFile } from './platform.mjs';

const words = process.argv.slice(2);
const profile = process.env.VARVE_ADDON_PROFILE ?? 'mobile';
const napi = ['--package=varve_napi', '--no-default-features', '--features=varve_napi/scan'];
// Cargo unites the features of what it builds together: in `dev` another selection than that of the tests would compile
// DataFusion again, which users' addons are built without.
const together = ['--package=varve_table', '--package=varve_sql', ...napi];

if (words.includes('--types')) {
  writeTypes('build', together, {
    file: fileURLToPath(new URL('src/native.ts', import.meta.url)),
    imports: "import type { NativePointReader } from './point-reader.js';\n",
    script: 'native/addons/mobile/build.mjs',
    checkOnly: words.includes('--check'),
  });
} else {
  const target = fileURLToPath(new URL(addonFile(), import.meta.url));
  buildLibrary({ profile, selection: profile === 'dev' ? together : napi }, target);
}
