//! The catalogue: the one small file whose atomic replacement is every commit of background work.
//!
//! Layout, little endian: `"VARVECAT", u32 format, u32 length` of what follows, store id (16 bytes),
//! `u64 epoch, folded, durable, next file, u32 log files` × (`u64 id, bytes`), `u32 segments` × (`u64 id,
//! bytes, entries, first and last commit`, length-prefixed smallest and largest key), `u32 crc` over all.
//!
//! Invariants
//! 1. Replaced only by writing `CATALOGUE.next`, syncing it, renaming, and syncing the directory.
//! 2. File numbers are never used twice, not even after a failed replacement, because the failure may
//!    have left the new file behind.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use varve_types::{Result, VarveError};

use crate::codec::{Reader, Writer};
use crate::error::{damaged, failed_sync, foreign, io, newer_format};
use crate::names;
use varve_files::{Access, Files};

/// Format version of the catalogue and of the directory as a whole.
pub const CATALOGUE_FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"VARVECAT";

/// What is live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Random at creation; salts the log's checksums.
    pub store_id: [u8; 16],
    /// Number of opens for writing; log records carry it.
    pub epoch: u64,
    /// Every commit up to this one lives in segments.
    pub folded: u64,
    /// Last commit known to be synced when this catalogue was written.
    pub durable: u64,
    /// Next unused file number.
    pub next_file: u64,
    /// Log files, all of them, used or waiting for reuse.
    pub logs: Vec<LogEntry>,
    /// Live segments, in any order: their commits tell which is newer.
    pub segments: Vec<SegmentEntry>,
}

/// A log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// File number.
    pub id: u64,
    /// Bytes of the file, which never change.
    pub bytes: u64,
}

/// A live segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentEntry {
    /// File number.
    pub id: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// First and last commit that it covers.
    pub sequences: (u64, u64),
    /// Smallest key.
    pub key_min: Vec<u8>,
    /// Largest key.
    pub key_max: Vec<u8>,
}

impl Catalogue {
    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Writer::default();
        body.raw(&self.store_id).u64(self.epoch).u64(self.folded).u64(self.durable).u64(self.next_file);
        body.u32(self.logs.len() as u32);
        for log in &self.logs {
            body.u64(log.id).u64(log.bytes);
        }
        body.u32(self.segments.len() as u32);
        for segment in &self.segments {
            body.u64(segment.id).u64(segment.bytes).u64(segment.entries);
            body.u64(segment.sequences.0).u64(segment.sequences.1);
            body.bytes(&segment.key_min).bytes(&segment.key_max);
        }
        let mut out = Writer::default();
        out.raw(MAGIC).u32(CATALOGUE_FORMAT).bytes(&body.bytes);
        let crc = crc32c::crc32c(&out.bytes);
        out.u32(crc);
        out.bytes
    }

    /// Reads the bytes of `path`.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let Some((body, crc)) = bytes.split_last_chunk::<4>() else {
            return Err(damaged(path, 0, "the catalogue is cut short"));
        };
        let sound = crc32c::crc32c(body) == u32::from_le_bytes(*crc);
        let mut reader = Reader::new(body);
        let magic = reader.raw(8);
        let format = reader.u32().unwrap_or(0);
        match (magic == Some(MAGIC), sound) {
            (true, true) if format > CATALOGUE_FORMAT => Err(newer_format(path, format, CATALOGUE_FORMAT)),
            (true, true) => {
                Self::fields(&mut reader).ok_or_else(|| damaged(path, 12, "the catalogue is malformed"))
            }
            (false, true) => Err(foreign(path, "not a Varve catalogue")),
            _ => Err(damaged(path, 0, "the catalogue fails its checksum")),
        }
    }

    fn fields(outer: &mut Reader<'_>) -> Option<Self> {
        let mut reader = Reader::new(outer.bytes()?);
        let mut catalogue = Self {
            store_id: reader.raw(16)?.try_into().ok()?,
            epoch: reader.u64()?,
            folded: reader.u64()?,
            durable: reader.u64()?,
            next_file: reader.u64()?,
            ..Self::default()
        };
        for _ in 0..reader.u32()? {
            catalogue.logs.push(LogEntry { id: reader.u64()?, bytes: reader.u64()? });
        }
        for _ in 0..reader.u32()? {
            catalogue.segments.push(SegmentEntry {
                id: reader.u64()?,
                bytes: reader.u64()?,
                entries: reader.u64()?,
                sequences: (reader.u64()?, reader.u64()?),
                key_min: reader.bytes()?.to_vec(),
                key_max: reader.bytes()?.to_vec(),
            });
        }
        (reader.rest.is_empty() && outer.rest.is_empty()).then_some(catalogue)
    }

    /// Takes the next file number.
    pub fn take_file_number(&mut self) -> u64 {
        let id = self.next_file;
        self.next_file += 1;
        id
    }

    /// Reads the catalogue of `dir`; `None` when there is none.
    pub fn load(files: &dyn Files, dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(names::CATALOGUE);
        let file = match files.open(&path, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("open", &path, error)),
        };
        let length = file.len().map_err(|error| io("measure", &path, error))?;
        let mut bytes = vec![0; length as usize];
        file.read_at(&mut bytes, 0).map_err(|error| io("read", &path, error))?;
        Self::decode(&bytes, &path).map(Some)
    }

    /// Replaces the catalogue of `dir` atomically.
    pub fn store(&self, files: &dyn Files, dir: &Path) -> Result<(), NotReplaced> {
        let (next, path) = (dir.join(names::CATALOGUE_NEXT), dir.join(names::CATALOGUE));
        self.write(files, &next).map_err(|error| NotReplaced { error, in_doubt: false })?;
        let replaced = files.rename(&next, &path).map_err(|error| io("replace", &path, error));
        let durable = replaced.and_then(|()| files.sync_dir(dir).map_err(|error| failed_sync(dir, error)));
        durable.map_err(|error| NotReplaced { error, in_doubt: true })
    }

    fn write(&self, files: &dyn Files, next: &Path) -> Result<()> {
        let file = files.open(next, Access::Create).map_err(|error| io("create", next, error))?;
        file.write_at(&self.encode(), 0).map_err(|error| io("write", next, error))?;
        file.sync_data().map_err(|error| failed_sync(next, error))
    }
}

/// Why a catalogue is not known to be replaced.
#[derive(Debug)]
pub struct NotReplaced {
    /// What failed.
    pub error: VarveError,
    /// The new one may be on disk all the same: the files that it names must stay, and so must those
    /// that the old one names.
    pub in_doubt: bool,
}

impl From<NotReplaced> for VarveError {
    fn from(failure: NotReplaced) -> Self {
        failure.error
    }
}

/// The catalogue of an open store, and where its replacement goes.
pub struct Keeper {
    files: Arc<dyn Files>,
    dir: Arc<Path>,
    /// The caller stores the catalogue (external log).
    external: bool,
    current: Mutex<Catalogue>,
}

impl Keeper {
    /// Keeps `catalogue` for `dir`.
    pub fn new(files: Arc<dyn Files>, dir: Arc<Path>, external: bool, catalogue: Catalogue) -> Self {
        Self { files, dir, external, current: Mutex::new(catalogue) }
    }

    /// A copy of the current one.
    pub fn get(&self) -> Catalogue {
        self.current.lock().clone()
    }

    /// A file number that is never given again, whatever becomes of the file.
    pub fn take_file_number(&self) -> u64 {
        self.current.lock().take_file_number()
    }

    /// The file number that the next file will carry, or a later one.
    pub fn next_file_number(&self) -> u64 {
        self.current.lock().next_file
    }

    /// Changes the catalogue durably, or not at all in memory when that fails.
    pub fn update(&self, change: impl FnOnce(&mut Catalogue)) -> Result<(), NotReplaced> {
        let mut current = self.current.lock();
        let mut next = current.clone();
        change(&mut next);
        if !self.external {
            next.store(&*self.files, &self.dir)?;
        }
        *current = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_every_flip_is_found() {
        let segment = |id| SegmentEntry {
            id,
            bytes: 4096,
            entries: 3,
            sequences: (1, 9),
            key_min: b"a".to_vec(),
            key_max: vec![],
        };
        let catalogue = Catalogue {
            store_id: [7; 16],
            epoch: 2,
            folded: 9,
            durable: 12,
            next_file: 5,
            logs: vec![LogEntry { id: 1, bytes: 1 << 20 }],
            segments: vec![segment(4), segment(3)],
        };
        let bytes = catalogue.encode();
        let path = Path::new("CATALOGUE");
        assert_eq!(Catalogue::decode(&bytes, path).unwrap(), catalogue);
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 16;
            assert!(Catalogue::decode(&bad, path).is_err(), "flip at {at}");
            assert!(Catalogue::decode(&bytes[..at], path).is_err(), "cut at {at}");
        }
    }
}
