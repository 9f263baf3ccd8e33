//! The workload of a table: what scans asked of it, in bounded memory.
//!
//! A scan reports once, when it ends: a short lock and some additions. Scans with the same filters on the same columns are
//! one *class*. What was seen long ago counts less: all counts are halved now and then, by the number of scans and not by
//! the clock, so that an idle night forgets nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::ids::{ColumnId, SegmentId};

/// So many classes are told apart; the one that took the least time makes room.
const CLASSES_MAX: usize = 32;
/// Counts are halved when the scans that they are of come to so many.
const SCANS_MAX: u64 = 4096;
/// After so much time of scans somebody looks whether adapting pays.
const WAKE_NS: u64 = 30_000_000_000;

/// What a filter asks of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PredicateKind {
    /// One value.
    Equal,
    /// Values between bounds, or beyond one.
    Range,
    /// One of several values.
    In,
    /// A pattern.
    Like,
    /// NULL or not.
    Null,
    /// Anything else.
    Other,
}

impl PredicateKind {
    /// Whether zone maps rule rows out by it when the column is sorted.
    #[must_use]
    pub fn is_prunable(self) -> bool {
        matches!(self, Self::Equal | Self::Range | Self::In)
    }
}

/// One part of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Predicate {
    /// The column that it is about.
    pub column: ColumnId,
    /// What it asks.
    pub kind: PredicateKind,
}

/// What one scan did.
#[derive(Clone, Debug, Default)]
pub struct ScanReport {
    /// Its filters, each once, in ascending order.
    pub predicates: Vec<Predicate>,
    /// The least and the greatest value that was asked for of the first predicate's column, as numbers, if they are some.
    pub interval: Option<(f64, f64)>,
    /// Columns that it read, those of filters too.
    pub columns: BTreeSet<ColumnId>,
    /// Rows of the parts that it took up.
    pub rows: u64,
    /// Rows that passed its filters.
    pub kept: u64,
    /// Parts that it took up.
    pub parts: u64,
    /// Parts that had no row that passed: zone maps ruled them out, or the filter did.
    pub empty_parts: u64,
    /// Time of reading, of all threads together.
    pub ns: u64,
    /// Whether an index said which rows to read.
    pub indexed: bool,
}

/// Scans with the same filters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Their filters, in ascending order.
    pub predicates: Vec<Predicate>,
    /// Whether an index said which rows to read.
    pub indexed: bool,
    /// Columns that any of them read.
    pub columns: BTreeSet<ColumnId>,
    /// How many there were.
    pub scans: u64,
    /// Rows of the parts that they took up.
    pub rows: u64,
    /// Rows that passed.
    pub kept: u64,
    /// Parts that they took up.
    pub parts: u64,
    /// Parts without a row that passed.
    pub empty_parts: u64,
    /// Their time, of all threads together.
    pub ns: u64,
    /// The least and the greatest value that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
}

impl Class {
    fn take(&mut self, report: &ScanReport) {
        self.columns.extend(&report.columns);
        self.scans += 1;
        self.rows += report.rows;
        self.kept += report.kept;
        self.parts += report.parts;
        self.empty_parts += report.empty_parts;
        self.ns += report.ns;
        self.interval = match (self.interval, report.interval) {
            (Some((low, high)), Some((from, to))) => Some((low.min(from), high.max(to))),
            (known, new) => known.or(new),
        };
    }

    fn halve(&mut self) {
        for count in [
            &mut self.scans,
            &mut self.rows,
            &mut self.kept,
            &mut self.parts,
            &mut self.empty_parts,
            &mut self.ns,
        ] {
            *count /= 2;
        }
    }
}

/// Everything that was seen of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Scans by class.
    pub classes: Vec<Class>,
    /// Rows that were read one by one, by primary key, and not found decoded.
    pub point_reads: u64,
    /// Bytes that were asked for of each segment.
    #[serde(default)]
    pub bytes: BTreeMap<SegmentId, u64>,
}

impl Observed {
    /// Scans of all classes.
    #[must_use]
    pub fn scans(&self) -> u64 {
        self.classes.iter().map(|class| class.scans).sum()
    }

    /// Their time, of all threads together.
    #[must_use]
    pub fn ns(&self) -> u64 {
        self.classes.iter().map(|class| class.ns).sum()
    }

    /// The class of these filters.
    #[must_use]
    pub fn class(&self, predicates: &[Predicate], indexed: bool) -> Option<&Class> {
        self.classes.iter().find(|class| class.predicates == predicates && class.indexed == indexed)
    }

    /// Adds what a scan did.
    pub fn take(&mut self, report: &ScanReport) {
        let known =
            |class: &&mut Class| class.predicates == report.predicates && class.indexed == report.indexed;
        match self.classes.iter_mut().find(known) {
            Some(class) => class.take(report),
            None => {
                if self.classes.len() == CLASSES_MAX
                    && let Some(least) = (0..CLASSES_MAX).min_by_key(|at| self.classes[*at].ns)
                {
                    self.classes.swap_remove(least);
                }
                let (predicates, indexed) = (report.predicates.clone(), report.indexed);
                let mut class = Class { predicates, indexed, ..Class::default() };
                class.take(report);
                self.classes.push(class);
            }
        }
        if self.scans() > SCANS_MAX {
            self.classes.iter_mut().for_each(Class::halve);
            self.classes.retain(|class| class.scans > 0);
            self.point_reads /= 2;
        }
    }
}

/// What is seen of a table while the database is open; all versions of the table share it.
#[derive(Debug, Default)]
pub struct Workload {
    seen: Mutex<Seen>,
    wake: OnceLock<Arc<Notify>>,
}

#[derive(Debug, Default)]
struct Seen {
    observed: Observed,
    /// Time of scans since somebody was woken.
    unheard_ns: u64,
}

impl Workload {
    /// One that goes on from what was seen before.
    pub(crate) fn from(observed: Observed) -> Arc<Self> {
        Arc::new(Self { seen: Mutex::new(Seen { observed, unheard_ns: 0 }), wake: OnceLock::new() })
    }

    /// A scan has ended. Cost: a lock that is held for some 100 ns.
    pub fn scanned(&self, report: &ScanReport) {
        let mut seen = self.seen.lock();
        seen.observed.take(report);
        seen.unheard_ns += report.ns;
        if seen.unheard_ns >= WAKE_NS
            && let Some(wake) = self.wake.get()
        {
            seen.unheard_ns = 0;
            wake.notify_one();
        }
    }

    /// A row was read by its key, and its neighbours were decoded with it.
    pub(crate) fn read_point(&self) {
        self.seen.lock().observed.point_reads += 1;
    }

    /// What was seen so far.
    #[must_use]
    pub fn observed(&self) -> Observed {
        self.seen.lock().observed.clone()
    }

    /// Time of the scans that were seen. Cost: a lock.
    pub(crate) fn ns(&self) -> u64 {
        self.seen.lock().observed.ns()
    }

    /// Forgets what was seen: the table is another now.
    pub(crate) fn restart(&self) {
        self.seen.lock().observed = Observed::default();
    }

    /// Whom to tell when much was seen.
    pub(crate) fn tell(&self, wake: &Arc<Notify>) {
        let _already_told = self.wake.set(Arc::clone(wake));
    }
}
