//! How a store is opened.

use std::sync::Arc;

use varve_types::VarveError;

use crate::event::Event;
use crate::index_policy::IndexPolicy;
use crate::lock::StoreLock;
use varve_files::{Files, RealFiles};

/// How far a write must be on its way to the disk before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Survives power loss: `fdatasync` returned before the acknowledgement.
    Synced,
    /// Handed to the operating system only: survives the process, not the machine.
    Fast,
}

/// The acknowledgement of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What the caller gave to [`crate::Store::write`]; 0 for the other forms.
    pub token: u64,
    /// Sequence number of the commit; commits are numbered 1, 2, 3, … without gaps.
    pub sequence: u64,
    /// What was reached; a `Fast` write that shared a synced group says `Synced`.
    pub durability: Durability,
}

/// Receives acknowledgements of [`crate::Store::write`] on the log's thread, one call per group commit.
///
/// It must not call back into the store and should return quickly.
pub trait AckSink: Send + Sync {
    /// Every batch in `receipts` is as durable as its receipt says, and visible to reads.
    fn acknowledged(&self, receipts: &[Receipt]);
    /// None of the batches with these tokens is acknowledged; all failed for the same reason.
    fn failed(&self, tokens: &[u64], error: &VarveError);
}

/// Who keeps the durable log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogMode {
    /// This crate: preallocated checksummed files with group commit on their own thread.
    Native,
    /// The caller: it logs each batch, then calls [`crate::Store::apply`], and commits folds
    /// ([`Event::Fold`]) together with dropping the folded log entries.
    External {
        /// The catalogue bytes that the caller stored last; `None` for a new store.
        catalogue: Option<Vec<u8>>,
    },
}

/// Who runs the log and the background work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// Native threads of the store.
    Own,
    /// The caller, by [`crate::Store::step`]; nothing happens between the calls, and no choice depends on a
    /// clock. For simulation.
    Manual,
}

/// Options of [`crate::Store::open`].
#[derive(Clone)]
pub struct OpenOptions {
    /// The file layer; [`RealFiles`] unless a test injects another.
    pub files: Arc<dyn Files>,
    /// The lock of the directory, when the caller has taken it already; it must be this directory's. The store shares it
    /// until it is closed.
    pub lock: Option<StoreLock>,
    /// Creates the directory and the store when there is none. Default true.
    pub create_if_missing: bool,
    /// Fails with `STORE_EXISTS` when there is one. Default false.
    pub error_if_exists: bool,
    /// Who keeps the durable log. Default native.
    pub log: LogMode,
    /// Who runs the background work. Default own threads.
    pub threads: Threads,
    /// Bytes of one memtable, 64 KiB to 1 GiB. Default 16 MiB. At most two and a spare exist.
    pub memtable_bytes: usize,
    /// Largest preallocated log file, in bytes, at least 16 KiB. Default 16 MiB; a store starts with 1 MiB at most.
    pub log_file_bytes: usize,
    /// Bytes of waiting batches after which `write` answers `LIMIT_EXCEEDED`. Default 256 MiB.
    pub queue_bytes_max: usize,
    /// Bytes at which the output of a flush or merge goes on in another segment, at least 4 KiB. Default 256 MiB.
    pub segment_bytes: usize,
    /// Filter bits per key, 4 to 24. Default 10 (about 1 false positive in 100).
    pub filter_bits: u32,
    /// Index kind of new segments. Default: chosen for each segment by measurement.
    pub index_policy: IndexPolicy,
    /// Receives grouped acknowledgements of [`crate::Store::write`].
    pub acks: Option<Arc<dyn AckSink>>,
    /// Receives events, on the thread that caused them. It must not call back into the store.
    pub on_event: Option<Arc<dyn Fn(Event) + Send + Sync>>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            files: Arc::new(RealFiles),
            lock: None,
            create_if_missing: true,
            error_if_exists: false,
            log: LogMode::Native,
            threads: Threads::Own,
            memtable_bytes: 16 << 20,
            log_file_bytes: 16 << 20,
            queue_bytes_max: 256 << 20,
            segment_bytes: 256 << 20,
            filter_bits: 10,
            index_policy: IndexPolicy::Auto,
            acks: None,
            on_event: None,
        }
    }
}
