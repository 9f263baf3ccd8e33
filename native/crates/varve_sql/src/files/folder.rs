//! A folder of files that appears whole or not at all.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;
use varve_types::{ErrorCode, Result, VarveError};

use super::confined::{Confinement, Place, failure};
use super::draft::{Draft, temporary};

/// A folder under a temporary name beside the one that it will have. Dropped, it is gone with what is in it.
pub(crate) struct FolderDraft<'c> {
    confinement: &'c Confinement,
    path: PathBuf,
    place: Place,
    temporary: OsString,
    /// Folders within it; each comes behind the one that it lies in.
    folders: BTreeSet<PathBuf>,
    files: Vec<PathBuf>,
    is_kept: bool,
}

impl<'c> FolderDraft<'c> {
    /// # Errors
    /// `FILE_FORBIDDEN` also when there is something of this name, but for an empty folder; `FILE_MISSING` without a folder for
    /// it, `STORE_FULL`, `STORE_IO`.
    pub(crate) fn new(confinement: &'c Confinement, path: &Path) -> Result<Self> {
        let place = confinement.place(path)?;
        if !confinement.list(path)?.is_empty() {
            return Err(taken(path));
        }
        let temporary = temporary(&place.name);
        rustix::fs::mkdirat(&place.folder, &temporary, Mode::from_raw_mode(0o755))
            .map_err(|error| failure(path, error))?;
        let (folders, files) = (BTreeSet::new(), Vec::new());
        Ok(Self { confinement, path: path.to_owned(), place, temporary, folders, files, is_kept: false })
    }

    /// A file in a folder within this one, which is made when it is not there.
    ///
    /// # Errors
    /// `STORE_FULL`, `STORE_IO`.
    pub(crate) fn file(&mut self, folder: &Path, name: &str) -> Result<Draft> {
        let mut within = PathBuf::new();
        for part in folder {
            within.push(part);
            if self.folders.contains(&within) {
                continue;
            }
            let place = self.confinement.place(&self.at(&within))?;
            rustix::fs::mkdirat(&place.folder, &place.name, Mode::from_raw_mode(0o755))
                .map_err(|error| failure(&within, error))?;
            self.folders.insert(within.clone());
        }
        let file = folder.join(name);
        let draft = Draft::new(self.confinement, &self.at(&file), false)?;
        self.files.push(file);
        Ok(draft)
    }

    /// Makes it durable and gives it its name. All files in it must have been kept.
    ///
    /// # Errors
    /// Those of `new` and `file`.
    pub(crate) fn keep(mut self) -> Result<()> {
        let io = |error| failure(&self.path, error);
        for folder in self.folders.iter().rev().map(PathBuf::as_path).chain([Path::new("")]) {
            rustix::fs::fsync(self.confinement.folder(&self.at(folder))?).map_err(io)?;
        }
        let (folder, name) = (&self.place.folder, &self.place.name);
        match rustix::fs::renameat(folder, &self.temporary, folder, name) {
            Ok(()) => {}
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => return Err(taken(&self.path)),
            Err(error) => return Err(io(error)),
        }
        self.is_kept = true;
        rustix::fs::fsync(folder).map_err(|error| failure(&self.path, error))
    }

    fn at(&self, within: &Path) -> PathBuf {
        self.path.with_file_name(&self.temporary).join(within)
    }
}

impl Drop for FolderDraft<'_> {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let files = self.files.iter().map(|file| (self.at(file), AtFlags::empty()));
        let folders = self.folders.iter().rev().map(|folder| (self.at(folder), AtFlags::REMOVEDIR));
        for (path, flags) in files.chain(folders) {
            if let Ok(place) = self.confinement.place(&path) {
                let _already_gone = rustix::fs::unlinkat(&place.folder, &place.name, flags);
            }
        }
        let _already_gone = rustix::fs::unlinkat(&self.place.folder, &self.temporary, AtFlags::REMOVEDIR);
    }
}

fn taken(path: &Path) -> VarveError {
    let message = format!("there is something at {} already", path.display());
    VarveError::new(ErrorCode::FileForbidden, message, "use the name of a new folder, or of an empty one")
}
