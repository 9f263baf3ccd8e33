// Writes what capability data says into TypeScript and Rust, so that the two cannot disagree.
//
//   node capability-matrix/generate.mjs           writes every generated file
//   node capability-matrix/generate.mjs --check   writes nothing; fails when a file is stale or missing
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rustErrors, typescriptErrors } from './generate/errors.mjs';
import { formatRust, formatTypeScript } from './generate/format.mjs';
import { readErrorCodes, readSchema, readTiers, root } from './generate/inputs.mjs';
import { rustTypes } from './generate/rust.mjs';
import { typescriptTypes } from './generate/typescript.mjs';
import { validatorSource } from './generate/validator.mjs';

const schema = readSchema();
const codes = readErrorCodes();
const tiers = readTiers();

/** Path → text, formatted like everything else; only ajv's code stays as ajv writes it, on one line. */
const outputs = new Map([
  ['core/interfaces/src/errors/error-codes.ts', formatTypeScript(typescriptErrors(codes))],
  ['core/interfaces/src/capability/capabilities.ts', formatTypeScript(typescriptTypes(schema, tiers))],
  ['capability-matrix/src/generated/validate-capabilities.ts', validatorSource(schema)],
  ['native/crates/varve_types/src/generated/error_codes.rs', formatRust(rustErrors(codes))],
  ['native/crates/varve_types/src/generated/capabilities.rs', formatRust(rustTypes(schema, tiers))],
]);

const check = process.argv.includes('--check');
for (const [path, text] of outputs) {
  const url = new URL(path, root);
  const present = existsSync(url) ? readFileSync(url, 'utf8') : '';
  if (present === text) continue;
  if (check) {
    console.error(`${path} is stale; run: node capability-matrix/generate.mjs`);
    process.exitCode = 1;
  } else {
    writeFileSync(url, text);
    console.log(`wrote ${path}`);
  }
}
