//! Constructors for every error of this crate, so that codes and wording stay in one place.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use varve_types::{ErrorCode, VarveError};

/// Damage found at `offset` of `file`.
pub fn damaged(file: &Path, offset: u64, what: &str) -> VarveError {
    VarveError::new(
        ErrorCode::StoreDamaged,
        format!("{}, offset {offset}: {what}", file.display()),
        "restore the file from a copy, or run repair, which says exactly what is lost",
    )
}

/// A file or directory that Varve did not write.
pub fn foreign(path: &Path, what: &str) -> VarveError {
    VarveError::new(
        ErrorCode::StoreForeign,
        format!("{}: {what}", path.display()),
        "open another directory; a LevelDB folder can be imported instead",
    )
}

/// A file written by a later format version than this build knows.
pub fn newer_format(path: &Path, found: u32, known: u32) -> VarveError {
    VarveError::new(
        ErrorCode::StoreNewerFormat,
        format!("{}: format {found}, this build reads up to {known}", path.display()),
        "open it with a newer Varve",
    )
}

/// Maps an operating system failure on `path` to its code and keeps it as the source.
pub fn io(action: &str, path: &Path, source: io::Error) -> VarveError {
    without_source(action, path, &source).caused_by(source)
}

fn without_source(action: &str, path: &Path, source: &io::Error) -> VarveError {
    let (code, hint) = match source.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => {
            (ErrorCode::StoreFull, "free space on the disk; nothing unacknowledged was kept")
        }
        Some(libc::EMFILE | libc::ENFILE) => {
            (ErrorCode::StoreDescriptors, "close other files or raise the descriptor limit")
        }
        Some(libc::EACCES | libc::EPERM | libc::EROFS | libc::ENOTDIR | libc::EEXIST) => {
            (ErrorCode::StoreUnwritable, "choose a directory that this user can create and write")
        }
        _ => (ErrorCode::StoreIo, "check the disk and its log"),
    };
    VarveError::new(code, format!("cannot {action} {}: {source}", path.display()), hint)
}

/// A sync of `path` that failed: nobody knows what of it is on disk, and a second try proves nothing
/// (the kernel forgets what it could not write).
pub fn failed_sync(path: &Path, source: io::Error) -> VarveError {
    without_source("sync", path, &source).caused_by(SyncFailed(source))
}

/// True when `error` says that a sync failed, after which the store must not write any more. A sync that
/// only found the disk full is no such case: whoever waited for it learns that nothing is durable.
pub fn is_failed_sync(error: &VarveError) -> bool {
    error.code() != ErrorCode::StoreFull && error.source().is_some_and(<dyn Error>::is::<SyncFailed>)
}

/// The source of an error that [`failed_sync`] made.
#[derive(Debug)]
struct SyncFailed(io::Error);

impl fmt::Display for SyncFailed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Error for SyncFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// The store, a snapshot or a cursor is closed.
pub fn closed() -> VarveError {
    VarveError::new(ErrorCode::StoreClosed, "the store is closed", "open it again")
}

/// The store refuses writes since `cause`.
pub fn poisoned(cause: &str) -> VarveError {
    VarveError::new(
        ErrorCode::StorePoisoned,
        format!("the store refuses writes since a write to disk failed: {cause}"),
        "reads still work; close the store, check the disk, open it again",
    )
}

/// An argument of the wrong shape.
pub fn argument(message: impl Into<String>) -> VarveError {
    VarveError::new(ErrorCode::ArgumentInvalid, message, "")
}

/// A documented limit would be exceeded.
pub fn limit(message: impl Into<String>, hint: &str) -> VarveError {
    VarveError::new(ErrorCode::LimitExceeded, message, hint)
}

/// A failure that several waiting callers receive: the parts of a [`VarveError`] that can be copied.
#[derive(Clone, Debug)]
pub struct Failure {
    code: ErrorCode,
    message: String,
    hint: String,
}

impl Failure {
    /// Copies code, message and hint; the source stays with the original.
    pub fn of(error: &VarveError) -> Self {
        Self { code: error.code(), message: error.message().to_owned(), hint: error.hint().to_owned() }
    }

    /// Makes one error for one receiver.
    pub fn to_error(&self) -> VarveError {
        VarveError::new(self.code, self.message.clone(), self.hint.clone())
    }
}
