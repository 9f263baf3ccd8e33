//! The native durable log: preallocated files, one checksummed record and one sync per group commit.
//!
//! Invariants
//! 1. Commits are numbered without gaps; a record is written once and never changed.
//! 2. A file is reused only after every commit in it is folded (a synced catalogue says so).
//! 3. A file is zeroed and synced, and the catalogue names it, before its first record is written, so a
//!    record's sync never has to update file metadata.
//! 4. Before writing moves to another file, the one it leaves is synced.
//! 5. Before its first record an open log claims the store: the mark no longer says that nothing lies behind it, and
//!    the catalogue has a new epoch. So opening for reads costs no sync.
//! 6. After a failed write or sync nothing is written any more.

pub mod mark;
pub mod record;
pub mod replay;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use varve_types::{ErrorCode, Result, VarveError};

use crate::batch::Batch;
use crate::catalogue::{Keeper, LogEntry};
use crate::error::{failed_sync, io};
use crate::limits::LOG_FILE_BYTES_MIN;
use crate::names;
use mark::Mark;
use record::{Header, Place, RECORDS_AT};
use replay::Slot;
use varve_files::{Access, Files};

/// Size of a store's first log file, unless the option is smaller; each further one doubles up to the option.
const FIRST_FILE: u64 = 1 << 20;

/// Zeros written at once while a file is prepared.
const ZEROS: usize = 256 << 10;

/// Counters that `stats` reads while the log works.
#[derive(Default)]
pub struct LogCounters {
    pub commits: AtomicU64,
    pub groups: AtomicU64,
    pub syncs: AtomicU64,
    pub synced: AtomicU64,
    pub bytes: AtomicU64,
}

/// How an append failed.
pub enum AppendError {
    /// Nothing was written; the log can go on.
    Refused(VarveError),
    /// What is on disk is unknown; the log must stop.
    Broken(VarveError),
}

/// The writing end of the log; owned by one thread.
pub struct Log {
    files: Arc<dyn Files>,
    dir: Arc<Path>,
    keeper: Arc<Keeper>,
    store_id: [u8; 16],
    /// `None` until the store is claimed.
    epoch: Option<u64>,
    file_bytes_max: u64,
    slots: Vec<Slot>,
    /// Slot and offset of the next record.
    tail: Option<(usize, u64)>,
    mark: Mark,
    record: Vec<u8>,
    last: u64,
    synced: u64,
    /// Last commit whose memtable is folded; files at or before it are free.
    folded: Arc<AtomicU64>,
    counters: Arc<LogCounters>,
}

/// What a log continues from.
pub struct LogStart {
    pub slots: Vec<Slot>,
    pub end: replay::End,
    pub mark: Mark,
    pub file_bytes_max: u64,
    pub folded: Arc<AtomicU64>,
    pub counters: Arc<LogCounters>,
}

impl Log {
    /// Continues behind a replayed chain; makes what was replayed durable first.
    pub fn start(
        files: Arc<dyn Files>,
        dir: Arc<Path>,
        keeper: Arc<Keeper>,
        start: LogStart,
    ) -> Result<Self> {
        let catalogue = keeper.get();
        let mut log = Self {
            store_id: catalogue.store_id,
            epoch: None,
            file_bytes_max: start.file_bytes_max.max(LOG_FILE_BYTES_MIN as u64),
            slots: start.slots,
            tail: start.end.tail,
            mark: start.mark,
            record: Vec::new(),
            last: start.end.last,
            synced: 0,
            folded: start.folded,
            counters: start.counters,
            files,
            dir,
            keeper,
        };
        let folded = log.folded.load(Ordering::Acquire);
        let is_durable = log.mark.is_clean() && log.mark.synced() == log.last;
        for slot in log.slots.iter().filter(|slot| slot.last > folded && !is_durable) {
            slot.file.sync_data().map_err(|error| failed_sync(&names::log(&log.dir, slot.id), error))?;
        }
        log.synced = log.last;
        log.counters.synced.store(log.last, Ordering::Release);
        if log.mark.synced() != log.last {
            log.mark.write(log.last)?;
            log.mark.sync()?;
        }
        log.count_bytes();
        Ok(log)
    }

    /// Last commit appended.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Appends `batches` as one record, numbered from `last() + 1`, and syncs everything when `sync`.
    pub fn append(&mut self, batches: &[&Batch], sync: bool) -> Result<(), AppendError> {
        if !batches.is_empty() {
            self.append_record(batches)?;
        }
        if sync { self.sync().map_err(AppendError::Broken) } else { Ok(()) }
    }

    /// Invariant 5. Trying again after a failure is harmless.
    fn claim(&mut self) -> Result<u64> {
        if let Some(epoch) = self.epoch {
            return Ok(epoch);
        }
        if self.mark.was_clean() {
            self.mark.write(self.synced)?;
            self.mark.sync()?;
        }
        self.keeper.update(|catalogue| catalogue.epoch += 1)?;
        Ok(*self.epoch.insert(self.keeper.get().epoch))
    }

    fn append_record(&mut self, batches: &[&Batch]) -> Result<(), AppendError> {
        let epoch = self.claim().map_err(AppendError::Refused)?;
        let (first, commits) = (self.last + 1, batches.len() as u32);
        let mut record = std::mem::take(&mut self.record);
        record::begin(&mut record);
        batches.iter().for_each(|batch| record::push(&mut record, batch.bytes()));
        let space = record::space(record.len() - record::HEADER) as u64;
        let (slot, offset) = self.room(space)?;
        let header =
            Header { payload_crc: 0, payload_bytes: 0, epoch, first, commits, offset, synced: self.synced };
        record::seal(&mut record, header, Place { store_id: self.store_id, file: self.slots[slot].id });
        let written = self.slots[slot].file.write_at(&record, offset);
        record.truncate(1 << 20);
        self.record = record;
        self.record.shrink_to(1 << 20);
        if let Err(error) = written {
            let error = io("write", &names::log(&self.dir, self.slots[slot].id), error);
            // A preallocated range does not run out of space; if it does, the place is written again.
            return Err(match error.code() {
                ErrorCode::StoreFull => AppendError::Refused(error),
                _ => AppendError::Broken(error),
            });
        }
        self.slots[slot].last = first + u64::from(commits) - 1;
        self.tail = Some((slot, offset + space));
        self.last = self.slots[slot].last;
        self.counters.commits.fetch_add(u64::from(commits), Ordering::Relaxed);
        self.counters.groups.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Makes everything appended durable.
    pub fn sync(&mut self) -> Result<()> {
        if self.synced == self.last {
            return Ok(());
        }
        if let Some((slot, _)) = self.tail {
            let slot = &self.slots[slot];
            slot.file.sync_data().map_err(|error| failed_sync(&names::log(&self.dir, slot.id), error))?;
        }
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        self.set_synced(self.last)
    }

    /// Makes the mark durable; for idle moments and the end.
    pub fn sync_mark(&mut self) -> Result<()> {
        self.mark.sync()
    }

    /// True when `sync_mark` would do something.
    pub fn is_mark_dirty(&self) -> bool {
        self.mark.is_dirty()
    }

    /// Syncs everything and marks the orderly end.
    pub fn close(&mut self) -> Result<()> {
        self.sync()?;
        if self.mark.is_clean() { Ok(()) } else { self.mark.close() }
    }

    /// Gives every free file back to the file system, when nothing is left to fold.
    pub fn shrink(&mut self) -> Result<()> {
        let folded = self.folded.load(Ordering::Acquire);
        if self.last > folded {
            return Ok(());
        }
        let dropped = self.keeper.update(|catalogue| catalogue.logs.clear());
        if dropped.as_ref().is_err_and(|failure| !failure.in_doubt) {
            return dropped.map_err(VarveError::from);
        }
        // From here on the catalogue on disk may no longer name these files, so none may be written again.
        let gone: Vec<u64> = self.slots.drain(..).map(|slot| slot.id).collect();
        self.tail = None;
        self.count_bytes();
        dropped?;
        for id in gone {
            let path = names::log(&self.dir, id);
            self.files.remove(&path).map_err(|error| io("remove", &path, error))?;
        }
        Ok(())
    }

    fn set_synced(&mut self, synced: u64) -> Result<()> {
        self.synced = synced;
        self.counters.synced.store(synced, Ordering::Release);
        if self.mark.synced() == synced { Ok(()) } else { self.mark.write(synced) }
    }

    /// The slot and offset for a record of `space` bytes.
    fn room(&mut self, space: u64) -> Result<(usize, u64), AppendError> {
        if let Some((slot, offset)) = self.tail
            && offset + space <= self.slots[slot].bytes
        {
            return Ok((slot, offset));
        }
        if self.synced < self.last {
            self.sync().map_err(AppendError::Broken)?;
        }
        let folded = self.folded.load(Ordering::Acquire);
        let needed = RECORDS_AT + space;
        let free = |slot: &Slot| slot.last <= folded && slot.bytes >= needed;
        let slot = match self.slots.iter().position(free) {
            Some(at) => at,
            None => self.add_slot(needed).map_err(AppendError::Refused)?,
        };
        Ok((slot, RECORDS_AT))
    }

    fn add_slot(&mut self, needed: u64) -> Result<usize> {
        let largest = self.slots.iter().map(|slot| slot.bytes).max().unwrap_or(0);
        let smallest = FIRST_FILE.min(self.file_bytes_max);
        let bytes = (largest * 2).clamp(smallest, self.file_bytes_max).max(needed.next_multiple_of(4096));
        let id = self.keeper.take_file_number();
        let path = names::log(&self.dir, id);
        let slot = self.prepare(&path, id, bytes).inspect_err(|_| {
            let _best_effort = self.files.remove(&path);
        })?;
        let synced = self.synced;
        let named = self.keeper.update(|catalogue| {
            catalogue.logs.push(LogEntry { id, bytes });
            catalogue.durable = catalogue.durable.max(synced);
        });
        named.inspect_err(|failure| {
            // In doubt the catalogue on disk may name the file: it must stay.
            if !failure.in_doubt {
                let _best_effort = self.files.remove(&path);
            }
        })?;
        self.slots.push(slot);
        self.count_bytes();
        Ok(self.slots.len() - 1)
    }

    fn prepare(&self, path: &Path, id: u64, bytes: u64) -> Result<Slot> {
        let file = self.files.open(path, Access::Create).map_err(|error| io("create", path, error))?;
        file.allocate(bytes).map_err(|error| io("allocate", path, error))?;
        let mut chunk = record::head_page(Place { store_id: self.store_id, file: id }, bytes);
        let mut at = 0;
        while at < bytes {
            chunk.truncate((bytes - at) as usize);
            file.write_at(&chunk, at).map_err(|error| io("write", path, error))?;
            at += chunk.len() as u64;
            chunk.clear();
            chunk.resize(ZEROS, 0);
        }
        file.sync_data().map_err(|error| failed_sync(path, error))?;
        self.files.sync_dir(&self.dir).map_err(|error| failed_sync(&self.dir, error))?;
        Ok(Slot { id, bytes, file, last: 0 })
    }

    fn count_bytes(&self) {
        self.counters.bytes.store(self.slots.iter().map(|slot| slot.bytes).sum(), Ordering::Relaxed);
    }
}
