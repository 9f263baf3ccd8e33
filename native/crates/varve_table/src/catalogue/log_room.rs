//! Room in the write-ahead log, made before it is needed.
//!
//! A sync of a file that has grown makes its new length durable too, which costs a journalling file system half as much
//! again as the commit's own bytes. A log that SQLite has begun anew does not grow, so that commits get quicker when the
//! first checkpoint is done; with room made beforehand they are so from the start. The room is zeros, which no frame of a
//! log is: its salt and checksum do not fit, and SQLite stops there when it reads the log again.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Who commits seldom does not pay for room.
const COMMITS_MIN: u64 = 32;
/// The log is looked at so often; that takes a microsecond.
const COMMITS_BETWEEN: u64 = 8;
/// Room that is made at once: a millisecond, and a hundred commits of a row.
const STEP_BYTES: u64 = 1 << 20;
/// The log of SQLite begins anew after 1,000 pages.
const LOG_BYTES_MAX: u64 = 32 + 1_000 * (24 + 4_096);

/// The log of one catalogue, for the thread that commits: nobody else writes into it.
pub(super) struct LogRoom {
    path: PathBuf,
    log: Option<File>,
    commits: u64,
    /// The end of the room that was made last.
    end: u64,
}

impl LogRoom {
    /// For the database file `catalogue`.
    pub(super) fn new(catalogue: &Path) -> Self {
        let mut path = catalogue.as_os_str().to_owned();
        path.push("-wal");
        Self { path: path.into(), log: None, commits: 0, end: 0 }
    }

    /// Notes a commit, and makes room when the log has grown beyond the last. A disk that has none left is no failure here:
    /// the commit that needs it will say so.
    pub(super) fn committed(&mut self) {
        self.commits += 1;
        if self.commits >= COMMITS_MIN && self.commits.is_multiple_of(COMMITS_BETWEEN) {
            let _no_room = self.make();
        }
    }

    fn make(&mut self) -> std::io::Result<()> {
        let log = match &mut self.log {
            Some(log) => log,
            none => none.insert(OpenOptions::new().write(true).open(&self.path)?),
        };
        let length = log.metadata()?.len();
        if length <= self.end || length >= LOG_BYTES_MAX {
            return Ok(());
        }
        self.end = (length + STEP_BYTES).min(LOG_BYTES_MAX);
        log.seek(SeekFrom::Start(length))?;
        let zeros = vec![0; (self.end - length) as usize];
        log.write_all(&zeros)
    }
}
