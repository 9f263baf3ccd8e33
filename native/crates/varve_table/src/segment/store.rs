//! Where the segments of a database are: their folder, the way to it, and what reads and writes them.
//!
//! Tasks and readers hold this and not the database, so that a database that is closed gives its lock back while a scan
//! that nobody wants any more still ends. What writes holds the lock too.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use varve_files::{Files, Lock};
use varve_types::Result;
use vortex::VortexSessionDefault;
use vortex::io::runtime::Executor;
use vortex::io::session::RuntimeSessionExt;
use vortex::session::VortexSession;

use crate::ids::SegmentId;

pub(crate) struct SegmentStore {
    pub(crate) folder: PathBuf,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) session: VortexSession,
    /// The number that the next table, index, segment or record of the catalogue gets.
    pub(crate) next_id: Arc<AtomicU64>,
    lock: Weak<dyn Lock>,
    /// Work that was given up and may not have ended.
    abandoned: Mutex<Vec<JoinHandle<()>>>,
    /// `session` holds it weakly.
    _executor: Arc<dyn Executor>,
}

impl SegmentStore {
    /// `lock` is that of the directory.
    pub(crate) fn new(
        folder: PathBuf,
        (files, lock): (Arc<dyn Files>, &Arc<dyn Lock>),
        runtime: &Handle,
        next_id: u64,
    ) -> Arc<Self> {
        let executor: Arc<dyn Executor> = Arc::new(runtime.clone());
        let session = <VortexSession as VortexSessionDefault>::default()
            .with_handle(vortex::io::runtime::Handle::new(Arc::downgrade(&executor)));
        let next_id = Arc::new(AtomicU64::new(next_id));
        Arc::new(Self {
            folder,
            files,
            session,
            next_id,
            lock: Arc::downgrade(lock),
            abandoned: Mutex::default(),
            _executor: executor,
        })
    }

    /// The lock of the directory; `None` when the database is closed.
    pub(super) fn lock(&self) -> Option<Arc<dyn Lock>> {
        self.lock.upgrade()
    }

    /// Nobody waits for the end of this work but who closes the database.
    pub(super) fn abandon(&self, work: JoinHandle<()>) {
        let mut abandoned = self.abandoned.lock();
        abandoned.retain(|work| !work.is_finished());
        abandoned.push(work);
    }

    /// Waits until nothing of what was given up writes any more.
    pub(crate) async fn settle(&self) {
        let abandoned = std::mem::take(&mut *self.abandoned.lock());
        futures::future::join_all(abandoned).await;
    }

    /// A number that nothing else has.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::AcqRel)
    }

    /// A number for a new segment.
    pub(crate) fn next_segment(&self) -> Result<SegmentId> {
        crate::rows::segment_id(self.next_id())
    }
}
