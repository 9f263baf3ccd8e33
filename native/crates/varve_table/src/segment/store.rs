//! Where the segments of a database are: their folder, the way to it, and what reads and writes them.
//!
//! Tasks and readers hold this and not the database, so that a database that is closed gives its lock back while a scan or
//! a load that nobody wants any more still ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use varve_files::Files;
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
    /// `session` holds it weakly.
    _executor: Arc<dyn Executor>,
}

impl SegmentStore {
    pub(crate) fn new(folder: PathBuf, files: Arc<dyn Files>, runtime: &Handle, next_id: u64) -> Arc<Self> {
        let executor: Arc<dyn Executor> = Arc::new(runtime.clone());
        let session = <VortexSession as VortexSessionDefault>::default()
            .with_handle(vortex::io::runtime::Handle::new(Arc::downgrade(&executor)));
        let next_id = Arc::new(AtomicU64::new(next_id));
        Arc::new(Self { folder, files, session, next_id, _executor: executor })
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
