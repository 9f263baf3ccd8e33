//! The one error that crosses a crate boundary: a stable code, what happened, and what to do next.

use std::error::Error;
use std::fmt;

use crate::ErrorCode;

/// The result of every fallible public call.
pub type Result<T, E = VarveError> = std::result::Result<T, E>;

/// What went wrong (`code`, `message`), what to do next (`hint`), and why (`source`).
///
/// It crosses to JavaScript as data and becomes a `VarveError` there.
#[derive(Debug)]
pub struct VarveError {
    code: ErrorCode,
    message: String,
    hint: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl VarveError {
    /// Creates an error. `message` says what happened and to what, `hint` the next step.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), source: None }
    }

    /// Keeps the underlying failure, for logs and for `cause` in JavaScript.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What happened, with file, offset or size where they are known.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The next step for the user; empty when there is none.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for VarveError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code.as_str(), self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(out, " ({})", self.hint) }
    }
}

impl Error for VarveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
