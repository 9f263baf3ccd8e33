//! How a scan is divided: pieces, of which each partition has a row of its own to take from, and then helps with the others'.
//! So partitions work on different segments for as long as there are several, and what must be done once for a segment,
//! as making sense of its dictionaries, is seldom done twice.
//!
//! It is divided when the first partition asks for a piece: filters that a join or top-k fills in while the query runs
//! are known by then.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use datafusion::common::{DataFusionError, Result};
use varve_table::{LiveSegment, RowSet};

use super::TableScan;
use super::access::Access;
use super::filters::Filter;
use super::observe::Observer;
use super::segment::SegmentReader;
use crate::Progress;

/// Known rows of a segment are divided into about so many pieces, of at least and at most so many rows: few are read sooner
/// than another thread takes up its part, and of many no more need be in memory than come out together.
const FETCHES: usize = 8;
const FETCH_ROWS_MIN: usize = 1_024;
const FETCH_ROWS_MAX: usize = 8_192;

/// Some of a table's rows.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// All rows of a range of the segment at this place in the table.
    Segment { at: usize, rows: Range<u64> },
    /// The rows at these positions of the segment at this place, which ascend.
    Rows { at: usize, positions: Box<[u32]> },
    /// The hot chunk at this place; `count` of its rows may come.
    Hot { at: usize, count: u64 },
}

/// What one execution of a scan has to do, and how far it has come.
#[derive(Debug)]
pub(super) struct Work {
    divided: OnceLock<std::result::Result<Divided, Arc<DataFusionError>>>,
    /// How many pieces of its row each partition's are taken.
    taken: Box<[AtomicUsize]>,
    /// Rows that may still come out; `u64::MAX` when there is no limit.
    budget: AtomicU64,
    /// What it took, for the workload of the table.
    pub observer: Observer,
}

/// The pieces of a scan.
#[derive(Debug)]
pub(super) struct Divided {
    pieces: Vec<Piece>,
    only: Option<Arc<RowSet>>,
}

impl Work {
    pub(super) fn new(scan: &TableScan) -> Self {
        let budget = scan.fetch.map_or(u64::MAX, |fetch| fetch as u64);
        Self {
            divided: OnceLock::new(),
            taken: (0..scan.partitions).map(|_| AtomicUsize::new(0)).collect(),
            budget: AtomicU64::new(budget),
            observer: Observer::new(scan),
        }
    }

    /// The pieces; the first call finds them, and tells `progress` how many rows they have.
    pub(super) fn divided(&self, scan: &TableScan, progress: Option<&Progress>) -> Result<&Divided> {
        let divided = self.divided.get_or_init(|| {
            let divided = Divided::new(scan, &self.observer).map_err(Arc::new)?;
            if let Some(progress) = progress {
                progress.expect_rows(divided.pieces.iter().map(Piece::count).sum());
            }
            Ok(divided)
        });
        divided.as_ref().map_err(|error| DataFusionError::Shared(Arc::clone(error)))
    }

    /// The next piece for a partition that nobody has; `None` when all are taken or no more rows are wanted.
    pub(super) fn take<'d>(&self, divided: &'d Divided, partition: usize) -> Option<&'d Piece> {
        if self.budget.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let (pieces, rows) = (&divided.pieces, self.taken.len());
        (0..rows).find_map(|others| {
            let row = (partition + others) % rows;
            let row_of_pieces = &pieces[pieces.len() * row / rows..pieces.len() * (row + 1) / rows];
            row_of_pieces.get(self.taken[row].fetch_add(1, Ordering::Relaxed))
        })
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

impl Piece {
    /// How many rows may come.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Segment { rows, .. } => rows.end - rows.start,
            Self::Rows { positions, .. } => positions.len() as u64,
            Self::Hot { count, .. } => *count,
        }
    }
}

impl Divided {
    /// Tells `observer` what zone maps rule out.
    fn new(scan: &TableScan, observer: &Observer) -> Result<Self> {
        let only = match &scan.only {
            Some(only) => Some(Arc::clone(only)),
            None => match access(scan)? {
                Some(access) => access.find(&scan.version)?.map(Arc::new),
                None => None,
            },
        };
        let mut pieces = Vec::new();
        for (at, live) in scan.version.segments.iter().enumerate() {
            match &only {
                Some(only) => {
                    let rows = fetched(live, only).into_iter();
                    pieces.extend(rows.map(|positions| Piece::Rows { at, positions }));
                }
                None if live.live_rows() > 0 => scanned(scan, at, observer, &mut pieces)?,
                None => {}
            }
        }
        for (at, chunk) in scan.version.hot.chunks().iter().enumerate() {
            let rows = chunk.first_row..chunk.end_row();
            let all = rows.end - rows.start;
            match only.as_deref().map_or(all, |only| only.hot.range_cardinality(rows)) {
                0 => {}
                count => pieces.push(Piece::Hot { at, count }),
            }
        }
        Ok(Self { pieces, only })
    }

    /// The only rows that may come, if they are known.
    pub(super) fn only(&self) -> Option<&RowSet> {
        self.only.as_deref()
    }
}

/// The index that finds the rows. Filters that came to be known since the plan was made may choose another.
fn access(scan: &TableScan) -> Result<Option<Access>> {
    if scan.filters.iter().any(Filter::is_dynamic) {
        return Access::choose(scan);
    }
    Ok(scan.access.clone())
}

/// What there is of `rows` from the first to the last that are `possible`; empty when none is.
fn narrowed(rows: Range<u64>, possible: &[Range<u64>]) -> Range<u64> {
    let first = possible.partition_point(|range| range.end <= rows.start);
    let end = possible.partition_point(|range| range.start < rows.end);
    match possible.get(first..end) {
        Some([first, .., last]) => first.start.max(rows.start)..last.end.min(rows.end),
        Some([only]) => only.start.max(rows.start)..only.end.min(rows.end),
        _ => rows.start..rows.start,
    }
}

/// The pieces of all rows of a segment that zone maps leave. Tells `observer` what they rule out.
fn scanned(scan: &TableScan, at: usize, observer: &Observer, pieces: &mut Vec<Piece>) -> Result<()> {
    let reader = SegmentReader::new(scan, at)?;
    let started = Instant::now();
    let (bounds, possible) = (reader.splits()?, reader.possible()?);
    observer.spent(started.elapsed());
    for pair in bounds.windows(2) {
        let all = pair[0]..pair[1];
        let rows = match &possible {
            Some(possible) => narrowed(all.clone(), possible),
            None => all.clone(),
        };
        let left_out = (all.end - all.start) - (rows.end - rows.start);
        if rows.is_empty() {
            observer.skipped(left_out);
            continue;
        }
        observer.took(left_out);
        pieces.push(Piece::Segment { at, rows });
    }
    Ok(())
}

/// Those of `only` some rows that lie in a segment and are not deleted, divided.
fn fetched(live: &LiveSegment, only: &RowSet) -> Vec<Box<[u32]>> {
    let wanted = only.segments.get(&live.segment.id()).into_iter().flatten();
    let wanted: Vec<u32> = match &live.deleted {
        None => wanted.collect(),
        Some(gone) => wanted.filter(|row| !gone.contains(*row)).collect(),
    };
    let length = (wanted.len() / FETCHES).clamp(FETCH_ROWS_MIN, FETCH_ROWS_MAX);
    wanted.chunks(length).map(Box::from).collect()
}
