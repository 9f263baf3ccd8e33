//! The public face: signatures first; the bodies follow in the next commits.
#![expect(
    clippy::unimplemented,
    unused_variables,
    reason = "signatures published first; bodies follow at once"
)]

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use varve_types::Result;

use crate::files::Files;
use crate::{
    Batch, Durability, Fields, Filled, Found, IndexPolicy, OpenOptions, PackedKeys, PackedMany, Range,
    Receipt, RepairReport, Stats, VerifyReport,
};

/// An open store; cheap to share as `Arc<Store>`. Dropping it closes it.
pub struct Store {}

/// A consistent view that stays readable through writes, flushes and merges. Cheap; `Clone`.
///
/// It keeps the memtables and segments of its time alive, so drop it when done.
#[derive(Clone)]
pub struct Snapshot {}

/// Iterates a range of one snapshot; owns everything it needs, may move between threads.
pub struct Cursor {}

/// What [`Store::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to do.
    Idle,
    /// One group commit.
    Committed,
    /// One flush, or one chunk of a merge.
    Background,
}

impl Store {
    /// Opens or creates the store in `dir` and replays its log.
    ///
    /// Errors: `STORE_LOCKED`, `STORE_MISSING`, `STORE_EXISTS`, `STORE_FOREIGN`, `STORE_NEWER_FORMAT`,
    /// `STORE_DAMAGED`, `STORE_UNWRITABLE`, `STORE_FULL`, `STORE_DESCRIPTORS`, `STORE_IO`,
    /// `ARGUMENT_INVALID`. Blocks.
    pub fn open(dir: impl AsRef<Path>, options: OpenOptions) -> Result<Self> {
        unimplemented!()
    }

    /// Queues `batch` for the next group commit; `options.acks` learns the outcome under `token`.
    /// Never waits for the disk.
    ///
    /// Errors at once, without queueing: `LIMIT_EXCEEDED` when the queue is full (wait for an
    /// acknowledgement), `STORE_POISONED`, `STORE_CLOSED`.
    pub fn write(&self, batch: Batch, durability: Durability, token: u64) -> Result<()> {
        unimplemented!()
    }

    /// As [`Store::write`]; `done` is called once, on the log's thread.
    pub fn write_with(
        &self,
        batch: Batch,
        durability: Durability,
        done: impl FnOnce(Result<Receipt>) + Send + 'static,
    ) -> Result<()> {
        unimplemented!()
    }

    /// As [`Store::write`], but waits for the outcome. With `Threads::Manual` it commits at once.
    pub fn write_wait(&self, batch: Batch, durability: Durability) -> Result<Receipt> {
        unimplemented!()
    }

    /// External log: applies a batch that the caller has logged as commit `sequence`, which must be the
    /// last one plus 1. Waits while too many memtables are frozen (and in that case needs the caller to
    /// commit folds from another thread).
    pub fn apply(&self, batch: &Batch, sequence: u64) -> Result<()> {
        unimplemented!()
    }

    /// External log: true when [`Store::apply`] of `batch_bytes` would not wait.
    pub fn can_apply(&self, batch_bytes: usize) -> bool {
        unimplemented!()
    }

    /// External log: the catalogue of [`Event::Fold`] `ticket` is durable; the segment goes live.
    pub fn fold_committed(&self, ticket: u64) -> Result<()> {
        unimplemented!()
    }

    /// External log: storing the catalogue failed; the work is undone and retried later.
    pub fn fold_failed(&self, ticket: u64) -> Result<()> {
        unimplemented!()
    }

    /// External log: the catalogue as it stands. Store it before the first `apply` of a new store.
    pub fn catalogue(&self) -> Vec<u8> {
        unimplemented!()
    }

    /// A view of everything acknowledged so far.
    pub fn snapshot(&self) -> Snapshot {
        unimplemented!()
    }

    /// Copies the value of `key` to the start of `out`; `view` is the latest state when `None`.
    ///
    /// No allocation. Errors: `STORE_DAMAGED`, `STORE_CLOSED`.
    pub fn get_into(&self, view: Option<&Snapshot>, key: &[u8], out: &mut [u8]) -> Result<Found> {
        unimplemented!()
    }

    /// As [`Store::get_into`], into a fresh vector.
    pub fn get(&self, view: Option<&Snapshot>, key: &[u8]) -> Result<Option<Vec<u8>>> {
        unimplemented!()
    }

    /// Looks `keys` up in groups with prefetch, at one moment. Values are written one after another to
    /// `values`; `ends[i]` is the end of value `i`, with [`crate::MISSING`] set when there is none.
    ///
    /// `ends` must hold `keys.len()` items. Stops early when a value does not fit (`needed`).
    /// `values` beyond 2 GiB is not used. No allocation.
    pub fn get_many_packed(
        &self,
        view: Option<&Snapshot>,
        keys: PackedKeys<'_>,
        values: &mut [u8],
        ends: &mut [u32],
    ) -> Result<PackedMany> {
        unimplemented!()
    }

    /// Opens a cursor on `range`, of `view` or of a fresh snapshot.
    pub fn cursor(&self, view: Option<&Snapshot>, range: Range) -> Result<Cursor> {
        unimplemented!()
    }

    /// Deletes every key of `range` by logged writes (native log); returns how many. Blocks.
    pub fn clear_range(&self, range: Range, durability: Durability) -> Result<u64> {
        unimplemented!()
    }

    /// Bytes that the entries between the bounds take in segments, from the index alone.
    pub fn approximate_size(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> u64 {
        unimplemented!()
    }

    /// Folds everything written so far into segments and waits for it.
    pub fn flush(&self) -> Result<()> {
        unimplemented!()
    }

    /// Flushes and merges everything into one segment, and gives unused log space back. Blocks.
    pub fn compact(&self) -> Result<()> {
        unimplemented!()
    }

    /// Reads and checks every block, filter, index and log record; `progress` gets (done, total) blocks.
    /// Damage is in the report, not an error.
    pub fn verify(&self, progress: impl FnMut(u64, u64)) -> Result<VerifyReport> {
        unimplemented!()
    }

    /// Sizes, counters and telemetry.
    pub fn stats(&self) -> Stats {
        unimplemented!()
    }

    /// Index kind of the segments that later flushes and merges build.
    pub fn set_index_policy(&self, policy: IndexPolicy) {
        unimplemented!()
    }

    /// `Threads::Manual`: does one piece of waiting work.
    pub fn step(&self) -> Result<Step> {
        unimplemented!()
    }

    /// Commits what is queued, syncs, marks the clean end and stops the threads. Later calls answer
    /// `STORE_CLOSED`; snapshots and cursors stay readable. Blocks. Closing twice is fine.
    pub fn close(&self) -> Result<()> {
        unimplemented!()
    }
}

impl Snapshot {
    /// Last commit in this view.
    pub fn sequence(&self) -> u64 {
        unimplemented!()
    }
}

impl Cursor {
    /// Moves to the first entry at or after `key` in the cursor's direction; outside the range it
    /// moves to the nearer end of the range. Does not reset the limit.
    pub fn seek(&mut self, key: &[u8]) -> Result<()> {
        unimplemented!()
    }

    /// The next entry, valid until the next call.
    pub fn next_entry(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        unimplemented!()
    }

    /// Copies as many next entries as fit: bytes one after another, with one end per field in `ends`
    /// (two per entry for [`Fields::Both`]: end of key, end of value).
    pub fn fill(&mut self, fields: Fields, bytes: &mut [u8], ends: &mut [u32]) -> Result<Filled> {
        unimplemented!()
    }
}

/// Salvages a damaged native store in place and says exactly what is gone.
pub fn repair(dir: impl AsRef<Path>, files: Arc<dyn Files>) -> Result<RepairReport> {
    unimplemented!()
}
