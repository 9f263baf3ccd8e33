//! Files that live as long as a commit names them or somebody reads them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use varve_files::Files;

/// A file that is removed when it is dropped, unless a commit names it. Left behind by a crash, it is removed when the
/// database is next opened.
pub(crate) struct StoredFile {
    path: PathBuf,
    files: Arc<dyn Files>,
    is_kept: AtomicBool,
}

impl StoredFile {
    /// A file that no commit names yet.
    pub(crate) fn new(files: &Arc<dyn Files>, path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, files: Arc::clone(files), is_kept: AtomicBool::new(false) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn files(&self) -> &dyn Files {
        self.files.as_ref()
    }

    /// A commit names it, or may: it stays.
    pub(crate) fn keep(&self) {
        self.is_kept.store(true, Ordering::Release);
    }

    /// No commit names it any more: it goes with its last reader.
    pub(crate) fn retire(&self) {
        self.is_kept.store(false, Ordering::Release);
    }
}

impl Drop for StoredFile {
    fn drop(&mut self) {
        if !*self.is_kept.get_mut() {
            let _left_for_the_next_opening = self.files.remove(&self.path);
        }
    }
}
