//! The reader of a segment's layout, which all scans share, and which rows zone maps leave to a filter.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use parking_lot::Mutex;
use varve_types::Result;
use vortex::expr::BoundExpression;
use vortex::file::VortexFile;
use vortex::layout::LayoutReader;
use vortex::mask::{AllOr, Mask};

use super::Segment;
use crate::error::from_vortex;

/// A reader serves so many scans. It keeps what it worked out for each filter that it ever saw, which is what repeated
/// queries are quick by, and lets nothing go: a database that answers filters by ever new values would grow without end.
const SCANS_MAX: u32 = 512;

/// The current reader of a segment.
pub(super) struct SharedReader {
    current: Mutex<Arc<dyn LayoutReader>>,
    scans: AtomicU32,
}

impl SharedReader {
    pub(super) fn new(first: Arc<dyn LayoutReader>) -> Self {
        Self { current: Mutex::new(first), scans: AtomicU32::new(0) }
    }

    /// The reader for one more scan of `file`.
    fn next(&self, file: &VortexFile) -> Arc<dyn LayoutReader> {
        let mut current = self.current.lock();
        if self.scans.fetch_add(1, Ordering::Relaxed) % SCANS_MAX == SCANS_MAX - 1
            // The layout was read once already; if it fails now the old reader still serves.
            && let Ok(fresh) = file.layout_reader()
        {
            *current = fresh;
        }
        Arc::clone(&current)
    }
}

impl Segment {
    /// The reader for one more scan.
    pub(super) fn reader(&self) -> Arc<dyn LayoutReader> {
        self.reader.next(&self.file)
    }

    /// The rows that may pass all of `filters`, as ascending ranges that do not touch; `None` when zone maps rule no row
    /// out. Deleted rows are among them. Costs as much as looking at one number per zone and filter.
    ///
    /// # Errors
    /// `STORE_DAMAGED` when a zone map fails its checksum.
    pub fn possible(&self, filters: &[BoundExpression]) -> Result<Option<Vec<Range<u64>>>> {
        let doing = "looking at the zone maps of a segment";
        let (reader, rows) = (self.reader(), self.meta.rows);
        let Ok(length) = usize::try_from(rows) else { return Ok(None) };
        let mut possible = Mask::new_true(length);
        for filter in filters {
            let left = reader
                .pruning_evaluation(&(0..rows), filter, possible.clone())
                .map_err(|error| from_vortex(error, doing))?;
            // Parts lie in memory, so that there is nothing to wait for but another thread that asks the same: then the
            // filter goes without.
            if let Some(left) = left.now_or_never() {
                possible = &possible & &left.map_err(|error| from_vortex(error, doing))?;
            }
            if possible.all_false() {
                break;
            }
        }
        Ok(match possible.slices() {
            AllOr::All => None,
            AllOr::None => Some(Vec::new()),
            AllOr::Some(ranges) => {
                Some(ranges.iter().map(|(start, end)| *start as u64..*end as u64).collect())
            }
        })
    }
}
