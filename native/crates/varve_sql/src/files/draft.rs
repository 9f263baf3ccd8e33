//! A file that appears whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use varve_types::{ErrorCode, Result, VarveError};

use super::confined::{Confinement, Place, failure, is_taken};

/// Tells drafts of one process apart.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A file under a temporary name beside the one that it will have. Dropped, it is gone.
pub(crate) struct Draft {
    path: PathBuf,
    place: Place,
    temporary: OsString,
    file: BufWriter<File>,
    may_overwrite: bool,
    is_kept: bool,
}

impl Draft {
    /// # Errors
    /// `FILE_FORBIDDEN` also when there is a file of this name and it may not be replaced; `FILE_MISSING` without a
    /// folder for it, `STORE_FULL`, `STORE_IO`.
    pub(crate) fn new(confinement: &Confinement, path: &Path, may_overwrite: bool) -> Result<Self> {
        let place = confinement.place(path)?;
        if !may_overwrite && is_taken(&place) {
            return Err(taken(path));
        }
        let temporary = temporary(&place.name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&place.folder, &temporary, flags, Mode::from_raw_mode(0o644))
            .map_err(|error| failure(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            place,
            temporary,
            file: BufWriter::with_capacity(BUFFER_BYTES, File::from(file)),
            may_overwrite,
            is_kept: false,
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// `STORE_FULL`, `STORE_IO`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| io(&self.path, error))
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// Those of `new` and `write`.
    pub(crate) fn keep(mut self) -> Result<()> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(|error| io(&self.path, error))?;
        let (folder, name) = (&self.place.folder, &self.place.name);
        let named = if self.may_overwrite {
            rustix::fs::renameat(folder, &self.temporary, folder, name)
        } else {
            // Unlike renaming, a link never replaces what came meanwhile.
            rustix::fs::linkat(folder, &self.temporary, folder, name, AtFlags::empty())
        };
        match named {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(taken(&self.path)),
            Err(error) => return Err(failure(&self.path, error)),
        }
        self.is_kept = self.may_overwrite;
        rustix::fs::fsync(folder).map_err(|error| failure(&self.path, error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            let _already_gone = rustix::fs::unlinkat(&self.place.folder, &self.temporary, AtFlags::empty());
        }
    }
}

/// What a draft is called until it has its name; patterns do not find it.
pub(super) fn temporary(name: &OsStr) -> OsString {
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{number}.part", std::process::id()));
    temporary
}

fn taken(path: &Path) -> VarveError {
    let message = format!("there is a file {} already", path.display());
    VarveError::new(ErrorCode::FileForbidden, message, "use another name, or the option OVERWRITE")
}

fn io(path: &Path, error: std::io::Error) -> VarveError {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorCode::StoreFull,
        _ => ErrorCode::StoreIo,
    };
    VarveError::new(code, format!("{} cannot be written", path.display()), "see the cause").caused_by(error)
}
