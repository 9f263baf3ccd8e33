//! The mark: the number of the last commit, outside of SQLite.
//!
//! It is written after each commit and never synced: it need not survive a power loss, only show that the write-ahead log
//! lost its end in another way. It is never ahead of what is durable.
//!
//! Layout: the number (8 bytes, little-endian) and its crc32c (4).

use std::path::Path;

use varve_files::{Access, File, Files};
use varve_types::Result;

use crate::error::from_io;
use crate::ids::CommitSeq;

const FILE: &str = "last-commit";

pub(super) struct Mark {
    file: Box<dyn File>,
    last: Option<CommitSeq>,
}

impl Mark {
    pub(super) fn open(files: &dyn Files, dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let file = match files.open(&path, Access::ReadWrite) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => files.open(&path, Access::Create),
            opened => opened,
        };
        let file = file.map_err(|error| from_io(error, "opening", &path))?;
        let mut bytes = [0; 12];
        let read = file.read_at(&mut bytes, 0);
        let last = read.is_ok().then(|| decode(&bytes)).flatten();
        Ok(Self { file, last })
    }

    /// What it says; `None` when it says nothing that its checksum confirms.
    pub(super) fn last(&self) -> Option<CommitSeq> {
        self.last
    }

    /// Notes that `seq` is durable. A mark that cannot be written stays behind, which is allowed.
    pub(super) fn set(&mut self, seq: CommitSeq) {
        let number = seq.0.to_le_bytes();
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&number);
        bytes[8..].copy_from_slice(&crc32c::crc32c(&number).to_le_bytes());
        if self.file.write_at(&bytes, 0).is_ok() {
            self.last = Some(seq);
        }
    }
}

fn decode(bytes: &[u8; 12]) -> Option<CommitSeq> {
    let (number, sum) = bytes.split_first_chunk::<8>()?;
    (crc32c::crc32c(number).to_le_bytes() == sum).then(|| CommitSeq(u64::from_le_bytes(*number)))
}
