//! The mark: how far the log is known to be synced, kept outside the log.
//!
//! After every sync the last synced commit is written here, without waiting; the file itself is synced
//! once the log is idle, and on close. A bad record at or before the mark is therefore damage, never a
//! torn tail. Two cells in separate pages are written in turn, so that a torn write leaves the other.
//!
//! Cell, little endian: `u32 magic, u32 crc, u64 synced, u64 turn, u64 clean`, salted with the store id.
//! `clean` is 1 after an orderly close: no record lies behind `synced` then, in any log file.

use std::path::{Path, PathBuf};

use varve_types::Result;

use super::replay::Known;
use crate::codec::{Reader, Writer};
use crate::error::{damaged, failed_sync, io};
use crate::names;
use varve_files::{Access, File, Files};

const MAGIC: u32 = 0x314b_5256;
const CELL: u64 = 4096;
const CELL_BYTES: usize = 32;

/// The open mark file.
pub struct Mark {
    file: Box<dyn File>,
    path: PathBuf,
    store_id: [u8; 16],
    turn: u64,
    synced: u64,
    clean: bool,
    /// What the file said when it was opened.
    was_clean: bool,
    /// Written since the last `sync`.
    dirty: bool,
}

impl Mark {
    /// Writes a new durable mark.
    pub fn create(files: &dyn Files, dir: &Path, store_id: [u8; 16], synced: u64) -> Result<Self> {
        let path = dir.join(names::MARK);
        let file = files.open(&path, Access::Create).map_err(|error| io("create", &path, error))?;
        let mut mark =
            Self { file, path, store_id, turn: 0, synced: 0, clean: false, was_clean: false, dirty: true };
        mark.write(synced)?;
        mark.write(synced)?;
        mark.sync()?;
        files.sync_dir(dir).map_err(|error| failed_sync(dir, error))?;
        Ok(mark)
    }

    /// Opens the mark of `dir`. `STORE_DAMAGED` when it is missing or no cell is whole.
    pub fn open(files: &dyn Files, dir: &Path, store_id: [u8; 16]) -> Result<Self> {
        let path = dir.join(names::MARK);
        let file = files.open(&path, Access::ReadWrite).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => damaged(&path, 0, "the mark is missing"),
            _ => io("open", &path, error),
        })?;
        let newest = (0..2)
            .filter_map(|cell| {
                let mut raw = [0; CELL_BYTES];
                file.read_at(&mut raw, cell * CELL).ok()?;
                let mut reader = Reader::new(&raw);
                let (magic, crc, synced, turn) = (reader.u32()?, reader.u32()?, reader.u64()?, reader.u64()?);
                let clean = reader.u64()? == 1;
                (magic == MAGIC && crc == checksum(&raw, &store_id)).then_some((turn, synced, clean))
            })
            .max();
        let (turn, synced, clean) = newest.ok_or_else(|| damaged(&path, 0, "both cells of the mark fail"))?;
        Ok(Self { file, path, store_id, turn, synced, clean, was_clean: clean, dirty: false })
    }

    /// The last commit known to be synced.
    pub fn synced(&self) -> u64 {
        self.synced
    }

    /// What it proves.
    pub fn known(&self) -> Known {
        Known { synced: self.synced, is_clean: self.clean }
    }

    /// True when the store was closed in order and nothing was written since.
    pub fn is_clean(&self) -> bool {
        self.clean
    }

    /// True when the store had been closed in order when it was opened.
    pub fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// Records that everything up to `synced` is synced; not durable by itself.
    pub fn write(&mut self, synced: u64) -> Result<()> {
        self.put(synced, false)
    }

    /// Makes an orderly end durable.
    pub fn close(&mut self) -> Result<()> {
        self.put(self.synced, true)?;
        self.sync()
    }

    fn put(&mut self, synced: u64, clean: bool) -> Result<()> {
        self.turn += 1;
        (self.synced, self.clean, self.dirty) = (synced, clean, true);
        let mut cell = Writer::default();
        cell.u32(MAGIC).u32(0).u64(synced).u64(self.turn).u64(u64::from(clean));
        let crc = checksum(&cell.bytes, &self.store_id);
        cell.bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        let at = (self.turn % 2) * CELL;
        self.file.write_at(&cell.bytes, at).map_err(|error| io("write", &self.path, error))
    }

    /// Makes the mark durable if it changed.
    pub fn sync(&mut self) -> Result<()> {
        if self.dirty {
            self.file.sync_data().map_err(|error| failed_sync(&self.path, error))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// True when `sync` would do something.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }
}

fn checksum(cell: &[u8], store_id: &[u8; 16]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&cell[8..]), store_id)
}
