//! The lock of a store's directory: whoever holds it may change what lies there, and nobody else.
//!
//! It is a `flock` on the file LOCK, which belongs to the open file and not to the process. Another process is refused, and
//! so is this one by another path or in another thread, and closing any other descriptor of LOCK lets go of
//! nothing. (The lock that LevelDB takes with `fcntl` is none of that.)

use std::path::Path;
use std::sync::Arc;

use varve_types::{ErrorCode, Result, VarveError};

use crate::error::io;
use crate::names;
use varve_files::{Files, Lock};

/// A lock that was taken; its clones share it, and it is free when the last of them is dropped.
#[derive(Clone, Debug)]
pub struct StoreLock {
    _held: Arc<dyn Lock>,
}

impl StoreLock {
    /// Takes the lock of the store in `dir`, which is created when it is missing and may be. Blocks.
    ///
    /// Who keeps more in the directory than the store knows of, as a log of its own, takes it first and hands a clone to
    /// [`crate::OpenOptions::lock`].
    ///
    /// Errors: `STORE_LOCKED`, `STORE_MISSING`, and those of the disk.
    // Kept in one place: copies in its callers made the addon 4 KB larger.
    #[inline(never)]
    pub fn take(dir: &Path, files: &dyn Files, create_if_missing: bool) -> Result<Self> {
        if create_if_missing {
            files.create_dir(dir).map_err(|error| io("create", dir, error))?;
        }
        let path = dir.join(names::LOCK);
        let lock = files.lock(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => missing(dir),
            _ => io("lock", &path, error),
        })?;
        lock.map(|held| Self { _held: Arc::from(held) }).ok_or_else(|| {
            VarveError::new(
                ErrorCode::StoreLocked,
                format!("{} is open in this or another process", dir.display()),
                "close the other store first; one process owns a directory",
            )
        })
    }
}

/// There is no store in `dir`.
pub fn missing(dir: &Path) -> VarveError {
    let message = format!("a store in {} does not exist", dir.display());
    VarveError::new(ErrorCode::StoreMissing, message, "open it with createIfMissing")
}
