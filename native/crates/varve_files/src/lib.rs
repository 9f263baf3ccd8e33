//! The file layer: the only way in which the storage crates touch a disk.
//!
//! It always arrives as an argument, so that a whole store runs on a simulated disk that loses
//! power, fails calls and rots (`simulate`, behind the feature of that name).
//!
//! Invariants
//! 1. Nothing counts as durable before `sync_data` (contents) or `sync_dir` (names) returned.
//! 2. A mapped file is never written; segments are mapped, logs are not.

mod map;
mod real;
#[cfg(feature = "simulate")]
pub mod simulate;

use std::fmt::Debug;
use std::io;
use std::path::Path;

pub use map::Map;
pub use real::RealFiles;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It must exist.
    Read,
    /// It must exist.
    ReadWrite,
    /// Created, or emptied when it exists.
    Create,
}

/// A directory tree.
pub trait Files: Send + Sync {
    /// Creates `dir` and its parents where they are missing, and makes the new names durable.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Names of the plain files in `dir`, in any order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Opens a file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>>;
    /// Replaces `to` by `from`, atomically.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock on `path`, creating the file; `None` when another holder has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;
    /// 16 unpredictable bytes.
    fn random(&self) -> io::Result<[u8; 16]>;
}

/// An open file; positions are absolute, so that threads may share it.
#[expect(clippy::len_without_is_empty, reason = "nobody asks a file whether it is empty")]
pub trait File: Send + Sync {
    /// Bytes in the file.
    fn len(&self) -> io::Result<u64>;
    /// Fills `into` from `offset`; an early end is `UnexpectedEof`.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `from` at `offset`, growing the file when needed.
    fn write_at(&self, from: &[u8], offset: u64) -> io::Result<()>;
    /// Makes contents and length durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Reserves disk space up to `bytes`; a file system without it may do nothing.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// Starts writing a range back to the disk, without waiting; a hint.
    fn start_writeback(&self, offset: u64, bytes: u64);
    /// Maps the first `bytes` for reading.
    fn map(&self, bytes: usize) -> io::Result<Map>;
}

/// Held until dropped.
pub trait Lock: Send + Sync + Debug {}
