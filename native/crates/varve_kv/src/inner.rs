//! The shared state of an open store, and the few steps that change what reads see.
//!
//! Locks, in the order in which they may be taken: `writer`, `background`, `state`, the catalogue's.
//! `queue` is never held together with another. Reads take none.

use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use varve_types::{ErrorCode, Result, VarveError};

use crate::background::{Background, Install};
use crate::catalogue::Keeper;
use crate::commit::Queue;
use crate::error::{Failure, closed, is_failed_sync, poisoned};
use crate::lock::StoreLock;
use crate::log::{Log, LogCounters};
use crate::memtable::Memtable;
use crate::segment::Segment;
use crate::telemetry::ReadCounters;
use crate::version::{Snapshot, Version};
use crate::{AckSink, Batch, Event, IndexPolicy, Threads};
use varve_files::Files;

/// Memtables that may wait for their flush before writers wait.
const FROZEN_MAX: usize = 2;

/// Everything that threads and calls of one store share.
pub struct Inner {
    pub files: Arc<dyn Files>,
    pub dir: Arc<Path>,
    pub settings: Settings,
    pub version: ArcSwap<Version>,
    /// Last commit that latest reads see.
    pub visible: AtomicU64,
    pub keeper: Arc<Keeper>,
    /// Every commit up to this one lives in segments, by a durable catalogue.
    pub folded: Arc<AtomicU64>,
    pub log_counters: Arc<LogCounters>,
    pub reads: ReadCounters,
    pub queue: Mutex<Queue>,
    pub queue_filled: Condvar,
    /// Held while commits are logged and applied; `None` with an external log.
    pub writer: Mutex<Option<Log>>,
    pub background: Mutex<Background>,
    pub state: Mutex<State>,
    /// Signals the background thread.
    pub work: Condvar,
    /// Signals those who wait for the background thread.
    pub progress: Condvar,
    /// Native threads do the background work; before they start, the caller does it.
    pub threaded: AtomicBool,
    pub closing: AtomicBool,
    pub poison: OnceLock<String>,
    /// The directory's; free again behind `close`.
    pub lock: Mutex<Option<StoreLock>>,
}

/// The options that matter after open.
pub struct Settings {
    pub threads: Threads,
    pub external: bool,
    pub memtable_bytes: usize,
    pub log_file_bytes: u64,
    pub queue_bytes_max: usize,
    pub segment_bytes: u64,
    pub filter_bits: u32,
    pub acks: Option<Arc<dyn AckSink>>,
    pub on_event: Option<Arc<dyn Fn(Event) + Send + Sync>>,
}

/// What the background work and its callers tell each other.
#[derive(Default)]
pub struct State {
    pub policy: IndexPolicy,
    /// Segments with a smaller file number were built before the policy was set; a compaction rebuilds them.
    pub rebuild_below: u64,
    /// A compaction of the segments with a smaller file number is on its way.
    pub compact_below: Option<u64>,
    /// The last background work failed; it waits for a nudge.
    pub failed: Option<Failure>,
    /// External log: a fold that waits for its commit.
    pub pending: Option<(u64, Install)>,
    pub next_ticket: u64,
    pub flushes: u64,
    pub merges: u64,
    pub bytes_written: u64,
    pub entries_written: u64,
    pub writing_ns: u64,
    /// Replaced segments that readers may still hold; the background drops them once they do not.
    pub retired: Vec<Arc<Segment>>,
}

impl Inner {
    /// `STORE_CLOSED` after close.
    #[inline]
    pub fn check_open(&self) -> Result<()> {
        if self.closing.load(Ordering::Acquire) { Err(closed()) } else { Ok(()) }
    }

    /// `STORE_CLOSED` or `STORE_POISONED` when writes are refused.
    pub fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        match self.poison.get() {
            Some(cause) => Err(poisoned(cause)),
            None => Ok(()),
        }
    }

    /// Refuses writes from now on.
    pub fn poison_with(&self, error: &VarveError) {
        if self.poison.set(error.to_string()).is_ok() {
            self.tell(Event::Poisoned { cause: error.to_string() });
        }
        let _state = self.state.lock();
        self.progress.notify_all();
    }

    /// Refuses writes from now on if `error` is a failed sync.
    pub fn poison_after(&self, error: &VarveError) {
        if is_failed_sync(error) {
            self.poison_with(error);
        }
    }

    /// Delivers an event.
    pub fn tell(&self, event: Event) {
        if let Some(listener) = &self.settings.on_event {
            listener(event);
        }
    }

    /// A view of everything visible.
    pub fn snapshot(&self) -> Snapshot {
        loop {
            let version = self.version.load_full();
            let sequence = self.visible.load(Ordering::Acquire);
            // Commits into a memtable that came after `version` would be counted but not seen.
            if Arc::ptr_eq(&version, &self.version.load()) {
                return Snapshot { version, sequence };
            }
        }
    }

    /// Makes sure the active memtable holds `needed` bytes more, freezing it when it does not. Waits
    /// while too many are frozen; fails when their flush fails. The caller holds the writer lock.
    pub fn make_room(&self, needed: usize) -> Result<()> {
        loop {
            if self.version.load().active.has_room(needed) {
                return Ok(());
            }
            if self.try_freeze(needed)? {
                continue;
            }
            if self.threaded.load(Ordering::Acquire) {
                let mut state = self.state.lock();
                if let Some(cause) = self.poison.get() {
                    return Err(poisoned(cause));
                }
                if let Some(failure) = state.failed.take() {
                    // The next attempt starts now; this group learns why the last one failed.
                    self.work.notify_all();
                    return Err(failure.to_error());
                }
                if self.version.load().frozen.len() >= FROZEN_MAX && !self.closing.load(Ordering::Acquire) {
                    self.progress.wait(&mut state);
                }
            } else if !self.background_step()? {
                return Err(crate::error::limit(
                    "too many memtables wait for their fold",
                    "commit the open fold first",
                ));
            }
        }
    }

    /// True when `make_room` would not have to wait.
    pub fn has_room(&self, needed: usize) -> bool {
        let version = self.version.load();
        version.active.has_room(needed) || version.frozen.len() < FROZEN_MAX
    }

    /// Replaces the active memtable unless it is empty and large enough; false when too many are frozen.
    pub fn try_freeze(&self, needed: usize) -> Result<bool> {
        let mut state = self.state.lock();
        let version = self.version.load_full();
        let mut frozen = version.frozen.clone();
        if !version.active.is_empty() {
            // While the store closes nobody flushes any more; what is queued is logged and stays in memory.
            if frozen.len() >= FROZEN_MAX && !self.closing.load(Ordering::Acquire) {
                return Ok(false);
            }
            frozen.insert(0, version.active.clone());
        }
        let bytes = self.settings.memtable_bytes.max(needed);
        let active = Arc::new(new_memtable(bytes)?);
        self.version.store(Arc::new(Version { active, frozen, levels: version.levels.clone() }));
        state.failed = None;
        self.work.notify_all();
        Ok(true)
    }

    /// Adds a commit to the active memtable, which has room. The caller holds the writer lock.
    pub fn insert(&self, batch: &Batch, sequence: u64) {
        let version = self.version.load();
        for op in batch.ops() {
            version.active.insert(op, sequence);
        }
        version.active.settle();
    }
}

/// A memtable, or `LIMIT_EXCEEDED` when the system has no memory for it.
pub fn new_memtable(bytes: usize) -> Result<Memtable> {
    Memtable::new(bytes).map_err(|error| {
        let message = format!("no memory for a memtable of {bytes} bytes: {error}");
        VarveError::new(ErrorCode::LimitExceeded, message, "use a smaller memtableBytes").caused_by(error)
    })
}

/// Upper bound of the memtable bytes of a batch.
pub fn memtable_need(batch: &Batch) -> usize {
    Memtable::bytes_needed(batch.len(), batch.bytes().len())
}
