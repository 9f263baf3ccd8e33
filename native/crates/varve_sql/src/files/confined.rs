//! Files within allowed folders, and nothing else.
//!
//! A path is walked component by component from its folder, each opened relative to the one before and never through a
//! link. A link is read and the walk begins anew at its target, which must lie in an allowed folder too. So a link that
//! is swapped while a file is opened leads nowhere, and of what lies outside not even its existence shows.
//!
//! What it cannot stop: hard links and mounts inside an allowed folder. Whoever makes those has the rights already.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use varve_types::{ErrorCode, Result, VarveError};

/// Links that one path may go through; Linux has the same limit.
const LINKS_MAX: usize = 40;
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The folders that SQL may read and write files in.
#[derive(Debug)]
pub(crate) struct Confinement {
    folders: Vec<Folder>,
    /// Device and inode of the database's own folder, in which nothing may be touched.
    denied: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Folder {
    /// Absolute, without links.
    path: PathBuf,
    /// Absolute, as it was given: paths are written with either.
    alias: PathBuf,
}

/// An entry of a folder.
pub(crate) struct Entry {
    pub name: OsString,
    pub is_folder: bool,
}

/// The folder that a path leads to, opened, and the last component of the path, which is no link.
pub(super) struct Place {
    pub folder: OwnedFd,
    pub name: OsString,
}

impl Confinement {
    /// Within `folders`, and never in `database`.
    ///
    /// # Errors
    /// `FILE_MISSING` when a folder is not there.
    pub(crate) fn new(folders: &[PathBuf], database: Option<&Path>) -> Result<Self> {
        let folder = |given: &PathBuf| {
            let missing = |error| {
                let message = format!("the allowed folder {} cannot be opened", given.display());
                VarveError::new(ErrorCode::FileMissing, message, "make it before the database is opened")
                    .caused_by(error)
            };
            let alias = lexical(&std::path::absolute(given).map_err(missing)?);
            Ok(Folder { path: given.canonicalize().map_err(missing)?, alias })
        };
        let denied = database.and_then(|path| rustix::fs::stat(path).ok()).map(|stat| identity(&stat));
        Ok(Self { folders: folders.iter().map(folder).collect::<Result<_>>()?, denied })
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// `FILE_FORBIDDEN`, `FILE_MISSING`, `STORE_IO`.
    pub(crate) fn open(&self, path: &Path) -> Result<File> {
        let place = self.place(path)?;
        // Without NONBLOCK a pipe would wait for somebody to write into it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&place.folder, &place.name, flags, Mode::empty());
        let file = file.map_err(|error| failure(path, error))?;
        let stat = rustix::fs::fstat(&file).map_err(|error| failure(path, error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            let message = format!("{} is no regular file", path.display());
            return Err(VarveError::new(ErrorCode::FileForbidden, message, "name a file"));
        }
        Ok(File::from(file))
    }

    /// What is in a folder; empty when there is no such folder.
    ///
    /// # Errors
    /// `FILE_FORBIDDEN`, `STORE_IO`.
    pub(crate) fn list(&self, path: &Path) -> Result<Vec<Entry>> {
        let folder = match self.folder(path) {
            Ok(folder) => folder,
            Err(error) if error.code() == ErrorCode::FileMissing => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let io = |error| failure(path, error);
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let name = OsStr::from_bytes(name.to_bytes()).to_owned();
            let is_folder = match entry.file_type() {
                FileType::Directory => true,
                FileType::RegularFile => false,
                // A link is what it leads to; the walk says whether it may.
                FileType::Symlink => self.folder(&path.join(&name)).is_ok(),
                _ => continue,
            };
            entries.push(Entry { name, is_folder });
        }
        Ok(entries)
    }

    /// Whether there is a folder that may be looked into.
    pub(crate) fn is_folder(&self, path: &Path) -> bool {
        self.folder(path).is_ok()
    }

    /// Where a path leads, whether or not there is something.
    pub(super) fn place(&self, path: &Path) -> Result<Place> {
        let mut path = lexical(path);
        for _ in 0..LINKS_MAX {
            match self.walk(&path)? {
                Walked::Arrived(place) => return Ok(place),
                Walked::Link(target) => path = target,
            }
        }
        let message = format!("{} goes through more than {LINKS_MAX} links", path.display());
        Err(VarveError::new(ErrorCode::FileForbidden, message, "name the file itself"))
    }

    /// Opens a folder.
    pub(super) fn folder(&self, path: &Path) -> Result<OwnedFd> {
        // A folder that is allowed itself has no place in another one.
        if let Ok((folder, rest)) = self.allowing(&lexical(path))
            && rest.as_os_str().is_empty()
        {
            return self.root(folder);
        }
        let place = self.place(path)?;
        let opened = rustix::fs::openat(&place.folder, &place.name, FOLDER, Mode::empty());
        let opened = opened.map_err(|error| failure(path, error))?;
        self.check_denied(&opened, path)?;
        Ok(opened)
    }

    fn walk(&self, path: &Path) -> Result<Walked> {
        let (folder, rest) = self.allowing(path)?;
        let mut names: Vec<&OsStr> = rest.iter().collect();
        let Some(last) = names.pop() else { return Err(is_folder(path)) };
        let mut at = folder.path.clone();
        let mut opened = self.root(folder)?;
        let mut left = names.into_iter();
        while let Some(name) = left.next() {
            match rustix::fs::openat(&opened, name, FOLDER, Mode::empty()) {
                Ok(next) => {
                    self.check_denied(&next, path)?;
                    opened = next;
                    at.push(name);
                }
                Err(error) => {
                    let Some(target) = link(&opened, name) else { return Err(failure(path, error)) };
                    let rest = left.chain([last]).collect::<PathBuf>();
                    return Ok(Walked::Link(lexical(&at.join(target).join(rest))));
                }
            }
        }
        if let Some(target) = link(&opened, last) {
            return Ok(Walked::Link(lexical(&at.join(target))));
        }
        Ok(Walked::Arrived(Place { folder: opened, name: last.to_owned() }))
    }

    /// The allowed folder that a path without `..` lies in, and what is left of the path.
    fn allowing<'p>(&self, path: &'p Path) -> Result<(&Folder, &'p Path)> {
        let found = self.folders.iter().find_map(|folder| {
            let rest = path.strip_prefix(&folder.path).or_else(|_| path.strip_prefix(&folder.alias));
            Some((folder, rest.ok()?))
        });
        found.ok_or_else(|| forbidden(path))
    }

    fn root(&self, folder: &Folder) -> Result<OwnedFd> {
        let opened = rustix::fs::open(&folder.path, FOLDER, Mode::empty());
        let opened = opened.map_err(|error| failure(&folder.path, error))?;
        self.check_denied(&opened, &folder.path)?;
        Ok(opened)
    }

    fn check_denied(&self, folder: &OwnedFd, path: &Path) -> Result<()> {
        let Some(denied) = self.denied else { return Ok(()) };
        let stat = rustix::fs::fstat(folder).map_err(|error| failure(path, error))?;
        if identity(&stat) == denied {
            let message = format!("{} lies in the database's own folder", path.display());
            return Err(VarveError::new(ErrorCode::FileForbidden, message, "use another folder"));
        }
        Ok(())
    }
}

enum Walked {
    Arrived(Place),
    /// It went through a link: this is where it leads.
    Link(PathBuf),
}

fn link(folder: &OwnedFd, name: &OsStr) -> Option<PathBuf> {
    let target = rustix::fs::readlinkat(folder, name, Vec::new()).ok()?;
    Some(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

fn identity(stat: &rustix::fs::Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// Without `.` and `..`, looking at the text alone.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn forbidden(path: &Path) -> VarveError {
    let message = format!("{} lies outside the allowed folders", path.display());
    VarveError::new(ErrorCode::FileForbidden, message, "open the database with allowedFolders")
}

fn is_folder(path: &Path) -> VarveError {
    let message = format!("{} is a folder", path.display());
    VarveError::new(ErrorCode::FileMissing, message, "name a file in it, or use a pattern such as *.csv")
}

pub(super) fn failure(path: &Path, error: Errno) -> VarveError {
    let (code, hint) = match error {
        Errno::NOENT | Errno::NOTDIR => (ErrorCode::FileMissing, "check the path"),
        Errno::LOOP | Errno::ACCESS | Errno::PERM | Errno::NXIO => {
            (ErrorCode::FileForbidden, "check the rights of the file")
        }
        Errno::ISDIR => return is_folder(path),
        Errno::NOSPC | Errno::DQUOT => (ErrorCode::StoreFull, "free disk space"),
        _ => (ErrorCode::StoreIo, "see the cause"),
    };
    VarveError::new(code, format!("{}: {error}", path.display()), hint).caused_by(std::io::Error::from(error))
}

/// Whether anything, a link too, has this name.
pub(super) fn is_taken(place: &Place) -> bool {
    rustix::fs::statat(&place.folder, &place.name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}
