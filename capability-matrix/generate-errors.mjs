// Writes the error codes of data/error-codes.json into TypeScript and Rust, so that the two cannot disagree.
// `--check` writes nothing and fails when a generated file is stale.
import { readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const codes = Object.entries(
  JSON.parse(readFileSync(new URL('capability-matrix/data/error-codes.json', root), 'utf8')),
);
const variant = (code) => code.toLowerCase().replace(/(^|_)(.)/g, (_, __, letter) => letter.toUpperCase());

const typescript = `// Generated from capability-matrix/data/error-codes.json; do not edit.

/** Every error code of Varve with its meaning. Codes are stable API; messages may improve. */
export const errorCodes = {
${codes.map(([code, text]) => `  ${code}: ${JSON.stringify(text).replace(/^"|"$/g, "'")},`).join('\n')}
} as const;

/** A stable, documented error code. */
export type ErrorCode = keyof typeof errorCodes;
`;

const rust = `// Generated from capability-matrix/data/error-codes.json; do not edit.

/// Every error code of Varve. Codes are stable API; messages may improve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
${codes.map(([code, text]) => `    /// ${text}\n    ${variant(code)},`).join('\n')}
}

impl ErrorCode {
    /// The code as users see it, for example \`STORE_LOCKED\`.
    pub fn as_str(self) -> &'static str {
        match self {
${codes.map(([code]) => `            Self::${variant(code)} => "${code}",`).join('\n')}
        }
    }
}
`;

const targets = [
  ['core/interfaces/src/errors/error-codes.ts', typescript],
  ['native/crates/varve_types/src/generated/error_codes.rs', rust],
];
for (const [path, text] of targets) {
  const url = new URL(path, root);
  if (!process.argv.includes('--check')) writeFileSync(url, text);
  else if (readFileSync(url, 'utf8') !== text) {
    console.error(`${path} is stale; run: node capability-matrix/generate-errors.mjs`);
    process.exitCode = 1;
  }
}
