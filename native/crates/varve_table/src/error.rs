//! Failures of SQLite, Arrow and Vortex as errors of ours.

use std::io;
use std::path::Path;

use arrow_schema::ArrowError;
use rusqlite::ErrorCode as SqliteCode;
use varve_types::{ErrorCode, VarveError};
use vortex::error::VortexError;

use crate::segment::DAMAGE;

/// What stored bytes say is not what was written.
pub(crate) fn damaged(message: impl Into<String>) -> VarveError {
    VarveError::new(
        ErrorCode::StoreDamaged,
        message,
        "restore the database from a backup; what is still readable can be exported table by table",
    )
}

/// SQLite could not do what the catalogue asked for.
pub(crate) fn from_sqlite(error: rusqlite::Error, doing: &str) -> VarveError {
    let (code, hint) = match error.sqlite_error_code() {
        Some(SqliteCode::DatabaseCorrupt | SqliteCode::NotADatabase) => (
            ErrorCode::StoreDamaged,
            "restore the database from a backup; what is still readable can be exported table by table",
        ),
        Some(SqliteCode::DiskFull) => (ErrorCode::StoreFull, "free disk space, then open the database again"),
        Some(SqliteCode::DatabaseBusy | SqliteCode::DatabaseLocked) => {
            (ErrorCode::StoreLocked, "close the other process that has this database open")
        }
        Some(SqliteCode::CannotOpen | SqliteCode::ReadOnly | SqliteCode::PermissionDenied) => {
            (ErrorCode::StoreUnwritable, "check that the directory exists and may be written")
        }
        _ => (ErrorCode::StoreIo, "see the cause"),
    };
    VarveError::new(code, format!("{doing}: {error}"), hint).caused_by(error)
}

/// The operating system refused a file operation.
pub(crate) fn from_io(error: io::Error, doing: &str, path: &Path) -> VarveError {
    let (code, hint) = match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge, _) => {
            (ErrorCode::StoreFull, "free disk space, then open the database again")
        }
        (io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem, _) => {
            (ErrorCode::StoreUnwritable, "check that the directory may be written")
        }
        // EMFILE and ENFILE have no kind of their own.
        (_, Some(23 | 24)) => (ErrorCode::StoreDescriptors, "raise the limit of open files (ulimit -n)"),
        _ => (ErrorCode::StoreIo, "see the cause"),
    };
    VarveError::new(code, format!("{doing} {}: {error}", path.display()), hint).caused_by(error)
}

/// Arrow refused data that came from the caller or from the store.
pub(crate) fn from_arrow(error: ArrowError, doing: &str) -> VarveError {
    VarveError::new(ErrorCode::ArgumentInvalid, format!("{doing}: {error}"), "").caused_by(error)
}

/// Vortex could not write or read a segment. An error of ours that went through it comes out again.
pub(crate) fn from_vortex(error: VortexError, doing: &str) -> VarveError {
    match error {
        VortexError::External(cause, trace) => match cause.downcast::<VarveError>() {
            Ok(ours) => *ours,
            Err(cause) => other(VortexError::External(cause, trace), doing),
        },
        error => other(error, doing),
    }
}

fn other(error: VortexError, doing: &str) -> VarveError {
    let message = format!("{doing}: {error}");
    if message.contains(DAMAGE) {
        return damaged(message).caused_by(error);
    }
    VarveError::new(ErrorCode::StoreIo, message, "see the cause").caused_by(error)
}
