//! How a scan is divided: into units, each a segment or the hot rows, and these into pieces.
//!
//! Each partition begins at a unit of its own and then helps with the others, so that what must be done once for a segment,
//! as making sense of its dictionaries, is seldom done twice. A unit is divided when the first partition comes to it: filters
//! that a join or top-k fills in while the query runs are known by then. Another one that comes at that moment goes on to the
//! next unit; when there is none, it comes back a moment later rather than to sleep, for it takes a thread longer to wake up
//! than to divide a unit.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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
    /// The only rows that may come, if they are known.
    only: OnceLock<Found<Option<Arc<RowSet>>>>,
    /// The segments of the table, then its hot rows.
    units: Box<[Unit]>,
    partitions: usize,
    /// Rows that may still come out; `u64::MAX` when there is no limit.
    budget: AtomicU64,
    /// What it took, for the workload of the table.
    pub observer: Observer,
}

type Found<T> = std::result::Result<T, Arc<DataFusionError>>;

/// Pieces that partitions take one after the other.
#[derive(Debug, Default)]
struct Unit {
    pieces: OnceLock<Found<Vec<Piece>>>,
    /// Whether a partition divides it, or has.
    is_begun: AtomicBool,
    taken: AtomicUsize,
}

impl Unit {
    /// The next piece that nobody has.
    fn take(&self, divide: impl FnOnce() -> Result<Vec<Piece>>) -> Result<Next<'_>> {
        let pieces = match self.pieces.get() {
            None if self.is_begun.swap(true, Ordering::Relaxed) => return Ok(Next::Soon),
            None => self.pieces.get_or_init(|| divide().map_err(Arc::new)),
            Some(pieces) => pieces,
        };
        Ok(known(pieces)?.get(self.taken.fetch_add(1, Ordering::Relaxed)).map_or(Next::End, Next::Piece))
    }
}

/// What a partition does next.
#[derive(Debug)]
pub(super) enum Next<'w> {
    Piece(&'w Piece),
    /// It asks again in a moment.
    Soon,
    End,
}

fn known<T>(found: &Found<T>) -> Result<&T> {
    found.as_ref().map_err(|error| DataFusionError::Shared(Arc::clone(error)))
}

impl Work {
    pub(super) fn new(scan: &TableScan) -> Self {
        let budget = scan.fetch.map_or(u64::MAX, |fetch| fetch as u64);
        Self {
            only: OnceLock::new(),
            units: (0..=scan.version.segments.len()).map(|_| Unit::default()).collect(),
            partitions: scan.partitions,
            budget: AtomicU64::new(budget),
            observer: Observer::new(scan),
        }
    }

    /// The unit at which a partition begins: all have about as many rows before the next one's.
    pub(super) fn first_unit(&self, scan: &TableScan, partition: usize) -> usize {
        let segments = || scan.version.segments.iter().map(|live| live.segment.meta().rows);
        let before = segments().sum::<u64>() / self.partitions as u64 * (partition % self.partitions) as u64;
        let ends = segments().scan(0, |end, rows| {
            *end += rows;
            Some(*end)
        });
        ends.take_while(|end| *end <= before).count()
    }

    /// The next piece that nobody has, from `unit` on, which becomes the one where it is. There is none when all are taken or
    /// no more rows are wanted. The first call tells `progress` how many rows there are.
    pub(super) fn take(
        &self,
        scan: &TableScan,
        unit: &mut usize,
        progress: Option<&Progress>,
    ) -> Result<Next<'_>> {
        if self.budget.load(Ordering::Relaxed) == 0 {
            return Ok(Next::End);
        }
        let only = self.find(scan, progress)?;
        let mut end = Next::End;
        for at in (*unit..self.units.len()).chain(0..*unit) {
            let next = self.units[at].take(|| match scan.version.segments.get(at) {
                Some(live) => self.divided(scan, (at, live), only, progress),
                None => Ok(hot(scan, only)),
            })?;
            match next {
                Next::Piece(_) => {
                    *unit = at;
                    return Ok(next);
                }
                Next::Soon => end = Next::Soon,
                Next::End => {}
            }
        }
        Ok(end)
    }

    /// The only rows that may come, if they are known; the first piece was taken.
    pub(super) fn only(&self) -> Option<&RowSet> {
        self.only.get()?.as_ref().ok()?.as_deref()
    }

    fn find(&self, scan: &TableScan, progress: Option<&Progress>) -> Result<Option<&RowSet>> {
        let only = self.only.get_or_init(|| {
            let only = found(scan).map_err(Arc::new)?;
            if let Some(progress) = progress {
                progress.expect_rows(only.as_ref().map_or_else(|| rows(scan), |only| only.len()));
            }
            Ok(only)
        });
        Ok(known(only)?.as_deref())
    }

    /// The pieces of a segment.
    fn divided(
        &self,
        scan: &TableScan,
        (at, live): (usize, &LiveSegment),
        only: Option<&RowSet>,
        progress: Option<&Progress>,
    ) -> Result<Vec<Piece>> {
        match only {
            Some(only) => {
                Ok(fetched(live, only).into_iter().map(|positions| Piece::Rows { at, positions }).collect())
            }
            None if live.live_rows() > 0 => {
                let (pieces, left_out) = scanned(scan, at, &self.observer)?;
                if let Some(progress) = progress {
                    progress.scanned(left_out, 0);
                }
                Ok(pieces)
            }
            None => Ok(Vec::new()),
        }
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

/// The pieces of the hot rows.
fn hot(scan: &TableScan, only: Option<&RowSet>) -> Vec<Piece> {
    let chunks = scan.version.hot.chunks().iter().enumerate();
    let pieces = chunks.map(|(at, chunk)| {
        let rows = chunk.first_row..chunk.end_row();
        let all = rows.end - rows.start;
        Piece::Hot { at, count: only.map_or(all, |only| only.hot.range_cardinality(rows)) }
    });
    pieces.filter(|piece| piece.count() > 0).collect()
}

/// The only rows that may come: those that were given, or that an index finds.
fn found(scan: &TableScan) -> Result<Option<Arc<RowSet>>> {
    if let Some(only) = &scan.only {
        return Ok(Some(Arc::clone(only)));
    }
    let Some(access) = access(scan)? else { return Ok(None) };
    Ok(access.find(&scan.version)?.map(Arc::new))
}

/// How many rows there are to look at, deleted ones of segments among them.
fn rows(scan: &TableScan) -> u64 {
    let segments = scan.version.segments.iter().filter(|live| live.live_rows() > 0);
    segments.map(|live| live.segment.meta().rows).sum::<u64>()
        + hot(scan, None).iter().map(Piece::count).sum::<u64>()
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

/// The pieces of all rows of a segment that zone maps leave, and how many rows they rule out, as `observer` is told.
fn scanned(scan: &TableScan, at: usize, observer: &Observer) -> Result<(Vec<Piece>, u64)> {
    let reader = SegmentReader::new(scan, at)?;
    let started = Instant::now();
    let (bounds, possible) = (reader.splits()?, reader.possible()?);
    observer.spent(started.elapsed());
    let (mut pieces, mut all_left_out) = (Vec::new(), 0);
    for pair in bounds.windows(2) {
        let all = pair[0]..pair[1];
        let rows = match &possible {
            Some(possible) => narrowed(all.clone(), possible),
            None => all.clone(),
        };
        let left_out = (all.end - all.start) - (rows.end - rows.start);
        all_left_out += left_out;
        if rows.is_empty() {
            observer.skipped(left_out);
            continue;
        }
        observer.took(left_out);
        pieces.push(Piece::Segment { at, rows });
    }
    Ok((pieces, all_left_out))
}

/// Those of `only` some rows that lie in a segment and are not deleted, divided.
fn fetched(live: &LiveSegment, only: &RowSet) -> Vec<Box<[u32]>> {
    let Some(rows) = only.segments.get(&live.segment.id()) else { return Vec::new() };
    let mut wanted = Vec::with_capacity(usize::try_from(rows.len()).unwrap_or(0));
    let mut rows = rows.iter();
    while let Some(run) = rows.next_range() {
        wanted.extend(run);
    }
    if let Some(gone) = &live.deleted {
        wanted.retain(|row| !gone.contains(*row));
    }
    let length = (wanted.len() / FETCHES).clamp(FETCH_ROWS_MIN, FETCH_ROWS_MAX);
    wanted.chunks(length).map(Box::from).collect()
}
