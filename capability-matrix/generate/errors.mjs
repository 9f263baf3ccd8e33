// The error codes of data/error-codes.json as TypeScript and Rust.
import { pascalCase } from './names.mjs';

const head = '// Generated from capability-matrix/data/error-codes.json; do not edit.';

/** @param {[string, string][]} codes */
export const typescriptErrors = (codes) => `${head}

/** Every error code of Varve with its meaning. Codes are stable API; messages may improve. */
export const errorCodes = {
${codes.map(([code, text]) => `${code}: ${JSON.stringify(text)},`).join('\n')}
} as const;

/** A stable, documented error code. */
export type ErrorCode = keyof typeof errorCodes;
`;

/** @param {[string, string][]} codes */
export const rustErrors = (codes) => `${head}

/// Every error code of Varve. Codes are stable API; messages may improve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
${codes.map(([code, text]) => `/// ${text}\n${pascalCase(code)},`).join('\n')}
}

impl ErrorCode {
    /// The code as users see it, for example \`STORE_LOCKED\`.
    pub fn as_str(self) -> &'static str {
        match self {
${codes.map(([code]) => `Self::${pascalCase(code)} => "${code}",`).join('\n')}
        }
    }
}
`;
