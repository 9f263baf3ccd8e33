//! How a scan is divided: pieces that its partitions pull from one queue.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use datafusion::common::Result;

use super::TableScan;
use super::segment::SegmentReader;

/// Some of a table's rows.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Rows of the segment at this place in the table.
    Segment { at: usize, rows: Range<u64> },
    /// The hot chunk at this place.
    Hot { at: usize },
}

/// What one execution of a scan has to do, and how far it has come. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pieces: Arc<[Piece]>,
    next: Arc<AtomicUsize>,
    rows: u64,
    /// Rows that may still come out; `u64::MAX` when there is no limit.
    budget: Arc<AtomicU64>,
}

impl Work {
    pub(super) fn new(scan: &TableScan) -> Result<Self> {
        let mut pieces = Vec::new();
        for (at, live) in scan.version.segments.iter().enumerate() {
            if live.live_rows() == 0 {
                continue;
            }
            let bounds = SegmentReader::new(scan, at)?.splits()?;
            pieces.extend(bounds.windows(2).map(|pair| Piece::Segment { at, rows: pair[0]..pair[1] }));
        }
        pieces.extend((0..scan.version.hot.chunks().len()).map(|at| Piece::Hot { at }));
        let segments = scan.version.segments.iter().filter(|live| live.live_rows() > 0);
        let rows =
            segments.map(|live| live.segment.meta().rows).sum::<u64>() + scan.version.hot.stored_rows();
        let budget = scan.fetch.map_or(u64::MAX, |fetch| fetch as u64);
        Ok(Self {
            pieces: pieces.into(),
            next: Arc::new(AtomicUsize::new(0)),
            rows,
            budget: Arc::new(AtomicU64::new(budget)),
        })
    }

    /// Rows of all pieces, deleted ones too.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The next piece that nobody has; `None` when all are taken or no more rows are wanted.
    pub(super) fn take(&self) -> Option<Piece> {
        if self.budget.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.pieces.get(self.next.fetch_add(1, Ordering::Relaxed)).cloned()
    }

    /// How many of `rows` may come out; they count as used.
    pub(super) fn grant(&self, rows: usize) -> usize {
        let wanted = rows as u64;
        let before = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |budget| {
            (budget != u64::MAX).then(|| budget.saturating_sub(wanted))
        });
        match before {
            Ok(budget) => usize::try_from(budget.min(wanted)).unwrap_or(rows),
            Err(_unlimited) => rows,
        }
    }
}
