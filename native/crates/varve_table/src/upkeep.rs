//! Upkeep: what a database does by itself after commits. Hot rows become segments when there are many, small segments are
//! merged, and segments with many deleted rows are written anew. Then tables are laid out for what is asked of them, if that
//! pays.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use varve_types::VarveError;

use crate::database::{Database, Inner};
use crate::ids::TableId;
use crate::rewrite::Rewrite;
use crate::version::{LiveSegment, TableVersion};

/// So many hot rows of a table are worth a segment.
const HOT_ROWS_MAX: u64 = 1 << 18;
/// The same in bytes.
const HOT_BYTES_MAX: usize = 32 << 20;
/// A segment with fewer rows is small.
const SMALL_ROWS: u64 = 1 << 20;
/// So many small segments are merged.
const SMALL_SEGMENTS_MAX: usize = 8;
/// A segment is written anew when one in so many of its rows is deleted.
const DELETED_SHARE: u64 = 5;

/// What is to be done for a table; `None` when it is well kept.
pub(crate) fn due(version: &TableVersion) -> Option<Rewrite> {
    if version.hot.stored_rows() >= HOT_ROWS_MAX || version.hot.bytes() >= HOT_BYTES_MAX {
        return Some(Rewrite { hot: true, layout: version.layout(), ..Rewrite::default() });
    }
    let is_worn = |live: &&LiveSegment| {
        live.deleted.as_ref().is_some_and(|deleted| deleted.len() * DELETED_SHARE > live.segment.meta().rows)
    };
    if let Some(worn) = version.segments.iter().find(is_worn) {
        let (segments, layout) = ([worn.segment.id()].into(), worn.segment.meta().layout.clone());
        return Some(Rewrite { segments, layout, ..Rewrite::default() });
    }
    let small = version.segments.iter().filter(|live| live.segment.meta().rows < SMALL_ROWS);
    let segments: BTreeSet<_> = small.map(|live| live.segment.id()).collect();
    (segments.len() >= SMALL_SEGMENTS_MAX).then(|| Rewrite {
        segments,
        layout: version.layout(),
        ..Rewrite::default()
    })
}

/// The task that looks after a database; it ends with it.
pub(crate) struct Upkeep {
    wake: Arc<Notify>,
    failure: Arc<Mutex<Option<Arc<VarveError>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Upkeep {
    pub(crate) fn new() -> Self {
        Self { wake: Arc::new(Notify::new()), failure: Arc::default(), task: Mutex::default() }
    }

    /// Starts the task.
    pub(crate) fn start(&self, weak: Weak<Inner>, runtime: &Handle) {
        let (wake, failure) = (Arc::clone(&self.wake), Arc::clone(&self.failure));
        let task = runtime.spawn(async move {
            loop {
                wake.notified().await;
                let Some(inner) = weak.upgrade() else { return };
                let database = Database::from(inner);
                let done = match database.keep_up().await {
                    Ok(()) => database.adapt_in_background().await,
                    failed => failed,
                };
                *failure.lock() = done.err().map(Arc::new);
            }
        });
        *self.task.lock() = Some(task);
    }

    /// Stops the task, whatever it is at, and waits until it has let go of the database.
    pub(crate) async fn stop(&self) {
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.abort();
            let _stopped = task.await;
        }
    }

    /// Who is told that there is something to do.
    pub(crate) fn waker(&self) -> &Arc<Notify> {
        &self.wake
    }

    /// Why the last upkeep failed; `None` when it did not.
    pub(crate) fn failure(&self) -> Option<Arc<VarveError>> {
        self.failure.lock().clone()
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

impl Database {
    /// Does all upkeep that is due now. The database does it by itself after commits.
    ///
    /// # Errors
    /// As [`Database::rewrite`].
    pub async fn keep_up(&self) -> varve_types::Result<()> {
        let tables: Vec<TableId> = self.snapshot().tables.keys().copied().collect();
        for table in tables {
            while let Some(what) = self.snapshot().tables.get(&table).and_then(|version| due(version)) {
                if !self.rewrite(table, &what).await? {
                    break;
                }
            }
        }
        Ok(())
    }
}
